// Answers without loading the page anew. Everything works without this file too; nothing is stored in the browser.
(function () {
  "use strict";
  var log = document.getElementById("log"), turn = document.getElementById("turn"), wait = document.getElementById("wait"), offline = document.getElementById("offline");
  if (!log || !window.fetch || !window.URLSearchParams) return;

  document.getElementById("leave").addEventListener("click", function (event) {
    event.preventDefault();
    document.title = "";
    document.body.hidden = true;
    location.replace("/leave");
  });

  // A page that comes back out of the browser's memory is asked for anew.
  window.addEventListener("pageshow", function (event) { if (event.persisted) location.reload(); });

  turn.addEventListener("submit", function (event) {
    var form = event.target, pressed = event.submitter, data = new URLSearchParams(new FormData(form));
    if (pressed && pressed.name) { data.delete("text"); data.append(pressed.name, pressed.value); }
    event.preventDefault();
    send(form, pressed, data);
  });

  function send(form, pressed, data) {
    lock(form, true);
    wait.hidden = false;
    offline.hidden = true;
    fetch("/say", { method: "POST", body: data, headers: { "X-Part": "1" }, credentials: "same-origin" })
      .then(function (answer) {
        if (answer.redirected) { location.replace("/"); return; }
        return answer.text().then(function (html) { show(html, pressed); });
      })
      .catch(function () { lock(form, false); offline.hidden = false; })
      .then(function () { wait.hidden = true; });
  }

  function lock(form, locked) {
    Array.prototype.forEach.call(form.elements, function (each) { each.disabled = locked; });
  }

  function show(html, pressed) {
    var part = new DOMParser().parseFromString(html, "text/html"), article = part.querySelector("article"), form = part.querySelector("form");
    if (!article || !form) { location.replace("/"); return; }
    if (pressed && pressed.name === "payload") {
      var mine = document.createElement("p");
      mine.className = "mine";
      mine.textContent = pressed.textContent;
      article.insertBefore(mine, article.firstChild);
    }
    log.appendChild(article);
    // Who looks at the phone later scrolls to two answers, not to all of them.
    while (log.children.length > 3) log.removeChild(log.firstElementChild);
    turn.replaceChildren(form);
    if (form.lang) document.documentElement.lang = form.lang;
    article.scrollIntoView({ block: "start" });
  }
})();
