"""The demonstration: invented survivors, and servers on loopback that speak KoboToolbox's and Central's API."""
