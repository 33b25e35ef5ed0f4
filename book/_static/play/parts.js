// Small helpers of the pages to play with: elements, drawings, the data of a page, and the place that a script takes over.
(function () {
  "use strict";
  const recohort = window.recohort = window.recohort || {};

  function make(namespace, tag, attributes, children) {
    const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
    Object.entries(attributes || {}).forEach(function ([name, value]) {
      if (name.startsWith("on")) {
        node.addEventListener(name.slice(2), value);
      } else if (value === true) {
        node.setAttribute(name, "");
      } else if (value !== null && value !== undefined && value !== false) {
        node.setAttribute(name, value);
      }
    });
    node.append(...children.flat().filter(function (child) { return child !== null && child !== undefined; }));
    return node;
  }

  recohort.html = function (tag, attributes, ...children) { return make("", tag, attributes, children); };
  recohort.svg = function (tag, attributes, ...children) {
    return make("http://www.w3.org/2000/svg", tag, attributes, children);
  };

  // A table whose first column heads its rows.
  recohort.table = function (caption, headings, rows) {
    const h = recohort.html;
    return h("table", { class: "exhibit-table simple" },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, headings.map(function (text) { return h("th", { scope: "col" }, text); }))),
      h("tbody", {}, rows.map(function (row) {
        return h("tr", {}, h("th", { scope: "row" }, row[0]),
          row.slice(1).map(function (cell) { return h("td", {}, cell); }));
      })));
  };

  // The place of a piece on its page, emptied of its still picture, and its data; nothing on other pages.
  recohort.stage = function (name) {
    const place = document.querySelector('[data-play="' + name + '"]');
    if (!place) { return null; }
    const source = place.querySelector('script[type="application/json"]');
    const data = JSON.parse(source.textContent);
    place.replaceChildren();
    return { place: place, data: data };
  };

  recohort.rounded = function (value, decimals) {
    const unit = Math.pow(10, decimals);
    return (Math.floor(value * unit + 0.5 + 1e-9) / unit).toFixed(decimals);
  };
})();
