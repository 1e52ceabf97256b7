"""What ODK Central says about a form's feed: its service document, and `$metadata` as the server's template writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from shakti.demo.central_rows import ROOT
from shakti.demo.shapes import Field, Shape

TYPES = {
    "int": "Edm.Int64",
    "decimal": "Edm.Decimal",
    "date": "Edm.Date",
    "dateTime": "Edm.DateTimeOffset",
    "geopoint": "Edm.GeographyPoint",
    "geotrace": "Edm.GeographyLineString",
    "geoshape": "Edm.GeographyPolygon",
}
SYSTEM = """<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="org.opendatakit.submission">
      <ComplexType Name="metadata">
        <Property Name="submissionDate" Type="Edm.DateTimeOffset"/>
        <Property Name="updatedAt" Type="Edm.DateTimeOffset"/>
        <Property Name="deletedAt" Type="Edm.DateTimeOffset"/>
        <Property Name="submitterId" Type="Edm.String"/>
        <Property Name="submitterName" Type="Edm.String"/>
        <Property Name="attachmentsPresent" Type="Edm.Int64"/>
        <Property Name="attachmentsExpected" Type="Edm.Int64"/>
        <Property Name="status" Type="org.opendatakit.submission.Status"/>
        <Property Name="reviewState" Type="org.opendatakit.submission.ReviewState"/>
        <Property Name="deviceId" Type="Edm.String"/>
        <Property Name="edits" Type="Edm.Int64"/>
        <Property Name="formVersion" Type="Edm.String"/>
      </ComplexType>
      <EnumType Name="Status">
        <Member Name="notDecrypted"/>
        <Member Name="missingEncryptedFormData"/>
      </EnumType>
      <EnumType Name="ReviewState">
        <Member Name="hasIssues"/>
        <Member Name="edited"/>
        <Member Name="rejected"/>
        <Member Name="approved"/>
      </EnumType>
    </Schema>
"""
CAPABILITIES = """          <Annotation Term="Org.OData.Capabilities.V1.ConformanceLevel" EnumMember="Org.OData.Capabilities.V1.ConformanceLevelType/Minimal"/>
          <Annotation Term="Org.OData.Capabilities.V1.BatchSupported" Bool="false"/>
          <Annotation Term="Org.OData.Capabilities.V1.CountRestrictions">
            <Record><PropertyValue Property="Countable" Bool="true"/></Record>
          </Annotation>
          <Annotation Term="Org.OData.Capabilities.V1.FilterFunctions">
            <Record>
              <PropertyValue Property="NonCountableProperties">
                <Collection>
                  <String>eq</String>
                </Collection>
              </PropertyValue>
            </Record>
          </Annotation>
          <Annotation Term="Org.OData.Capabilities.V1.FilterFunctions">
            <Record>
              <PropertyValue Property="Filterable" Bool="true"/>
              <PropertyValue Property="RequiresFilter" Bool="false"/>
              <PropertyValue Property="NonFilterableProperties">
                <Collection>
{names}                </Collection>
              </PropertyValue>
            </Record>
          </Annotation>
          <Annotation Term="Org.OData.Capabilities.V1.SortRestrictions">
            <Record><PropertyValue Property="Sortable" Bool="false"/></Record>
          </Annotation>
          <Annotation Term="Org.OData.Capabilities.V1.ExpandRestrictions">
            <Record><PropertyValue Property="Expandable" Bool="false"/></Record>
          </Annotation>
"""
END = """    </Schema>
  </edmx:DataServices>
</edmx:Edmx>"""


def service_document(shape: Shape, address: str) -> dict[str, Any]:
    """The tables of a feed."""
    tables = [name for name, _ in _tables(shape)]
    return {
        "@odata.context": f"{address}/$metadata",
        "value": [{"name": name, "kind": "EntitySet", "url": name} for name in tables],
    }


def metadata(shape: Shape) -> str:
    """The types of a feed, in the order of the form."""
    space = f"org.opendatakit.user.{_identifier(shape.form_id)}"
    tables = list(_tables(shape))
    lines = [f'    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace={quoteattr(space)}>']
    for name, fields in tables:
        lines += _entity(name, fields, space)
    for name, fields in tables:
        for path, inner in _groups(fields, "" if name == ROOT else name):
            lines += [f'      <ComplexType Name="{path}">', *_properties(inner, space, path, name)]
            lines.append("      </ComplexType>")
    lines.append(f"      <EntityContainer Name={quoteattr(_identifier(shape.form_id))}>")
    for name, fields in tables:
        lines.append(f'        <EntitySet Name="{name}" EntityType="{space}.{name}">')
        if name == ROOT:
            names = "".join(
                f"                  <PropertyPath>{_identifier(one.name)}</PropertyPath>\n" for one in fields
            )
            lines.append(CAPABILITIES.format(names=names).rstrip("\n"))
        lines.append("        </EntitySet>")
    lines.append("      </EntityContainer>")
    return SYSTEM + "\n".join(lines) + "\n" + END


def _entity(name: str, fields: tuple[Field, ...], space: str) -> Iterator[str]:
    yield f'      <EntityType Name="{name}">'
    yield '        <Key><PropertyRef Name="__id"/></Key>'
    yield '        <Property Name="__id" Type="Edm.String"/>'
    if name == ROOT:
        yield '        <Property Name="__system" Type="org.opendatakit.submission.metadata"/>'
    else:
        parent = name.rpartition(".")[0].replace(".", "-")
        yield f'        <Property Name="__{parent}-id" Type="Edm.String"/>'
    yield from _properties(fields, space, "" if name == ROOT else name, name)
    yield "      </EntityType>"


def _properties(fields: tuple[Field, ...], space: str, path: str, table: str) -> Iterator[str]:
    for one in fields:
        name = _identifier(one.name)
        if one.kind == "repeat":
            yield f'        <NavigationProperty Name="{name}" Type="Collection({space}.{table}.{name})"/>'
        elif one.kind == "group":
            inner = f"{path}.{name}" if path else name
            yield f'        <Property Name="{name}" Type="{space}.{inner}"/>'
        else:
            yield f'        <Property Name="{name}" Type="{TYPES.get(one.type, "Edm.String")}"/>'


def _tables(shape: Shape) -> Iterator[tuple[str, tuple[Field, ...]]]:
    yield ROOT, shape.fields
    yield from _inner_tables(shape.fields, ROOT)


def _inner_tables(fields: tuple[Field, ...], table: str) -> Iterator[tuple[str, tuple[Field, ...]]]:
    for one in fields:
        if one.kind == "repeat":
            name = f"{table}.{_identifier(one.name)}"
            yield name, one.fields
            yield from _inner_tables(one.fields, name)
        elif one.kind == "group":
            yield from _inner_tables(one.fields, table)


def _groups(fields: tuple[Field, ...], path: str) -> Iterator[tuple[str, tuple[Field, ...]]]:
    for one in fields:
        if one.kind == "group":
            here = f"{path}.{_identifier(one.name)}" if path else _identifier(one.name)
            yield here, one.fields
            yield from _groups(one.fields, here)


def _identifier(name: str) -> str:
    """A name as the feed writes it: `a-b` and `a.b` are both `a_b`."""
    return name.replace("-", "_").replace(".", "_")
