// A link marked data-claim opens what stands behind a printed number: its entry in the ledger and its patients.
// Without this script the link leads to the claim's row in "Every printed number".
(function () {
  "use strict";
  var dataAddress = new URL("claims-data.js", document.currentScript.src).href;
  var loading = null;
  var dialog = null;

  function make(name, text, attributes) {
    var element = document.createElement(name);
    if (text) { element.textContent = text; }
    Object.keys(attributes || {}).forEach(function (key) { element.setAttribute(key, attributes[key]); });
    return element;
  }

  function row(cells, names, scope) {
    var line = make("tr");
    cells.forEach(function (content, i) {
      var name = i === 0 ? names[0] : names[1];
      var cell = make(name, typeof content === "string" ? content : "", name === "th" ? { scope: scope } : {});
      if (typeof content !== "string") { cell.append(content); }
      line.append(cell);
    });
    return line;
  }

  function table(caption, headings) {
    var made = make("table", "", { "class": "exhibit-table" });
    var head = make("thead");
    head.append(row(headings, ["th", "th"], "col"));
    made.append(make("caption", caption), head);
    return made;
  }

  function numbers(claim, data) {
    var made = table("Printed and computed", data.headings);
    var body = make("tbody");
    claim.numbers.forEach(function (number) {
      var verdict = make("span", number[3], { "class": "verdict " + number[4].replace(/ /g, "-") });
      body.append(row([number[0], number[1] || "–", number[2] || "–", verdict], ["th", "td"], "row"));
    });
    made.append(body);
    return made;
  }

  function patients(claim, data) {
    var box = make("div", "", { "class": "patients", "tabindex": "0", "role": "group", "aria-label": "Patients" });
    var columns = claim.columns.map(function (name) { return data.columns[name]; });
    var caption = data.warning + " + after a time: no event until then (censored).";
    var hint = make("p", "More columns to the right.", { "class": "more", "hidden": "" });
    var made = table(caption, columns.map(function (column) { return column[0]; }));
    claim.groups.forEach(function (group) {
      var body = make("tbody");
      var title = make("tr", "", { "class": "section" });
      title.append(make("th", group[0], { colspan: columns.length, scope: "rowgroup" }));
      body.append(title);
      group[1].forEach(function (i) {
        body.append(row(columns.map(function (column) { return column[1][i]; }), ["th", "td"], "row"));
      });
      made.append(body);
    });
    box.append(made);
    new ResizeObserver(function () { hint.hidden = box.scrollWidth <= box.clientWidth; }).observe(box);
    var both = make("div");
    both.append(hint, box);
    return both;
  }

  function frame() {
    var made = make("dialog", "", { "class": "claim", "aria-labelledby": "claim-title" });
    document.body.append(made);
    // A click beside the dialog lands on the dialog itself; its contents fill it.
    made.addEventListener("click", function (event) { if (event.target === made) { made.close(); } });
    made.addEventListener("close", closed);
    window.addEventListener("popstate", popped);
    return made;
  }

  // An open dialog has an entry in the history of its own, so that "back" closes it and stays on the page.
  var state = "closed"; // closed, open, leaving (on the way back from its entry)
  var waiting = null; // to be shown as soon as that entry is left

  function enter() {
    try { history.pushState({ claim: true }, ""); state = "open"; } catch (refused) { state = "closed"; }
  }

  function closed() {
    dialog.opener.focus({ preventScroll: true });
    if (state === "open") { state = "leaving"; history.back(); }
  }

  function popped() {
    var next = waiting;
    state = "closed";
    waiting = null;
    if (dialog.open) { dialog.close(); }
    if (next) { next(); }
  }

  function show(link, data) {
    // "close" is told a little after closing: until then the entry of the last dialog is still to be left
    if (state === "leaving" || (state === "open" && !dialog.open)) {
      waiting = function () { show(link, data); };
      return;
    }
    var id = link.dataset.claim;
    var claim = data.claims[id];
    var close = make("button", "Close", { type: "button" });
    var head = make("header");
    var inside = make("div", "", { "class": "inside exhibit" });
    var place = make("p", claim.place + ". ");
    var deep = make("a", "in the list of every printed number", { href: link.getAttribute("href") });
    head.append(make("h2", claim.what, { id: "claim-title" }), close);
    place.append(make("code", id), " ", deep);
    inside.append(place, numbers(claim, data));
    if (claim.because) { inside.append(make("p", "Why: " + claim.because + ".")); }
    inside.append(claim.groups.length ? patients(claim, data) :
      make("p", "No table of these patients can show this number. " + data.warning));
    dialog = dialog || frame();
    dialog.replaceChildren(head, inside);
    close.addEventListener("click", function () { dialog.close(); });
    deep.addEventListener("click", function () { state = "closed"; dialog.close(); });
    dialog.opener = link;
    dialog.showModal();
    enter();
    close.focus();
    dialog.scrollTop = 0;
  }

  function load() {
    loading = loading || new Promise(function (done, failed) {
      var script = make("script", "", { src: dataAddress });
      script.onload = function () { done(window.recohort.claims); };
      script.onerror = failed;
      document.head.append(script);
    });
    return loading;
  }

  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[data-claim]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) { return; }
    event.preventDefault();
    load().then(function (data) { show(link, data); }).catch(function () {
      window.location.href = link.getAttribute("href");
    });
  });
  document.querySelectorAll("a[data-claim]").forEach(function (link) {
    link.setAttribute("aria-haspopup", "dialog");
  });
})();
