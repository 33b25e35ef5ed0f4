// A search field and a choice of verdict above a table marked data-filter. Without this script the whole table stands there.
(function () {
  "use strict";
  var words = {
    "reproduced": "as printed",
    "reproduced-as-read": "if re-read",
    "not-reproduced": "not reproduced",
    "context": "not tested"
  };

  function control(name, text) {
    var label = document.createElement("label");
    var field = document.createElement(name);
    label.textContent = text;
    label.appendChild(field);
    return { label: label, field: field };
  }

  document.querySelectorAll("table[data-filter]").forEach(function (table) {
    var bodies = Array.prototype.slice.call(table.tBodies);
    var claims = bodies.filter(function (body) { return body.dataset.verdict; });
    var texts = claims.map(function (body) { return body.textContent.toLowerCase(); });
    var places = claims.map(function (body) {
      while (body && !body.classList.contains("place")) { body = body.previousElementSibling; }
      return body;
    });
    var search = control("input", "Search " + table.dataset.filter);
    var choice = control("select", "Verdict");
    var count = document.createElement("output");
    search.field.type = "search";
    choice.field.add(new Option("any", ""));
    Object.keys(words).forEach(function (verdict) {
      if (claims.some(function (body) { return body.dataset.verdict.split(" ").indexOf(verdict) >= 0; })) {
        choice.field.add(new Option(words[verdict], verdict));
      }
    });

    function apply() {
      var wanted = search.field.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      places.forEach(function (place) { if (place) { place.hidden = true; } });
      claims.forEach(function (body, i) {
        var place = places[i];
        var text = texts[i] + (place ? " " + place.textContent.toLowerCase() : "");
        var verdict = choice.field.value;
        var fits = wanted.every(function (word) { return text.indexOf(word) >= 0; }) &&
          (!verdict || body.dataset.verdict.split(" ").indexOf(verdict) >= 0);
        body.hidden = !fits;
        if (fits) {
          shown += 1;
          if (place) { place.hidden = false; }
        }
      });
      count.textContent = shown + " of " + claims.length + " " + table.dataset.filter;
    }

    // A link to a claim that is filtered away shows everything again.
    window.addEventListener("hashchange", function () {
      var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && target.hidden) {
        search.field.value = choice.field.value = "";
        apply();
        target.scrollIntoView();
      }
    });
    search.field.addEventListener("input", apply);
    choice.field.addEventListener("change", apply);
    var bar = document.createElement("div");
    bar.className = "table-filter";
    bar.append(search.label, choice.label, count);
    table.before(bar);
    apply();
  });
})();
