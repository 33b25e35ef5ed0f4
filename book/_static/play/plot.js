// Kaplan-Meier curves as a drawing, and the table of those at risk, censored and with the event; times and numbers in words.
(function () {
  "use strict";
  const recohort = window.recohort;
  const h = recohort.html;
  const s = recohort.svg;
  const DASHES = ["none", "7 2.5", "9 2.5 2 2.5", "2 2"]; // one for each style of recohort.exhibits.km
  const WIDTH = 340;
  const HEIGHT = 210;
  const LEFT = 40;
  const STEPS = [3, 6, 12, 24, 36, 48, 60];

  recohort.ticks = function (last) {
    const step = STEPS.find(function (one) { return last <= one * 8; }) || STEPS[STEPS.length - 1];
    return Array.from({ length: Math.max(1, Math.ceil(last / step)) + 1 }, function (_, k) { return k * step; });
  };

  recohort.percent = function (share) { return recohort.rounded(100 * share, 0) + "%"; };
  recohort.times = function (value, unit) {
    if (!isFinite(value)) { return "not reached"; }
    const text = recohort.rounded(value, 1).replace(/\.0$/, "");
    return unit ? text + " " + (text === "1" ? unit.replace(/s$/, "") : unit) : text;
  };
  recohort.pNumber = function (p) {
    if (p < 0.001) { return "<0.001"; }
    if (p > 0.99) { return ">0.99"; }
    return recohort.rounded(p, p < 0.0095 || (p >= 0.045 && p < 0.055) ? 3 : 2);
  };

  // The path of one curve, up to its last patient.
  function path(table, x, y) {
    let line = "M" + x(0) + " " + y(1);
    table.forEach(function (row) { line += "H" + x(row.time) + "V" + y(row.survival); });
    return line;
  }

  // Draw curves [{style, table}] until a time; `faint` are other curves to stand behind them; `rule` marks a time.
  recohort.plot = function (curves, until, unit, endpoint, label, faint, rule) {
    const at = recohort.ticks(until);
    const last = at[at.length - 1];
    function x(time) { return +(LEFT + (WIDTH - LEFT - 12) * time / last).toFixed(1); }
    function y(share) { return +(8 + HEIGHT * (1 - share)).toFixed(1); }
    const bottom = y(0) + 5;
    const parts = [
      s("path", { d: "M" + x(0) + " " + y(1) + "V" + y(0) + "M" + x(0) + " " + bottom + "H" + x(last), class: "axis" }),
      [0, 0.25, 0.5, 0.75, 1].map(function (share) {
        return s("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, recohort.percent(share));
      }),
      s("path", { d: "M" + x(0) + " " + y(0.5) + "H" + x(last), class: "half" }),
      rule ? s("path", { d: "M" + x(rule) + " " + y(1) + "V" + y(0), class: "half" }) : null,
      at.map(function (time) {
        return s("text", { x: x(time), y: bottom + 14, "text-anchor": "middle" }, recohort.times(time));
      }),
      s("text", { x: x(last / 2), y: bottom + 29, "text-anchor": "middle" }, unit + ", " + endpoint),
      (faint || []).map(function (one) { return s("path", { d: path(one.table, x, y), class: "faint", style: "stroke: var(--curve-" + one.style + ")" }); }),
      curves.map(function (one) {
        const colour = "stroke: var(--curve-" + one.style + ")";
        return [
          s("path", { d: path(one.table, x, y), class: "curve", style: colour, "stroke-dasharray": DASHES[one.style] }),
          one.table.filter(function (row) { return row.censored; }).map(function (row) {
            return s("path", { d: "M" + x(row.time) + " " + (y(row.survival) - 4) + "v8", class: "curve", style: colour });
          })
        ];
      })
    ];
    return s("svg", { viewBox: "0 0 " + WIDTH + " " + (bottom + 34), role: "img", "aria-label": label, class: "curves" }, parts.flat(3));
  };

  recohort.sample = function (style) {
    return s("svg", { viewBox: "0 0 30 10", width: 30, height: 10, "aria-hidden": "true" },
      s("path", { d: "M0 5H30", class: "curve", style: "stroke: var(--curve-" + style + ")", "stroke-dasharray": DASHES[style] }));
  };

  // The extended risk table after Morris et al., BMJ Open 2019, for curves [{label, style, patients}].
  recohort.riskRows = function (curves, until, unit) {
    const at = recohort.ticks(until);
    const rows = [["atRisk", "at risk"], ["censored", "censored"], ["events", "events"]];
    const body = curves.map(function (one) {
      const counts = recohort.survival.riskTable(one.patients, at);
      return h("tbody", {},
        h("tr", { class: "section" }, h("th", { colspan: at.length + 1, scope: "rowgroup" }, recohort.sample(one.style), " " + one.label)),
        rows.map(function ([name, word]) {
          return h("tr", {}, h("th", { scope: "row" }, word), counts.map(function (count) { return h("td", {}, count[name]); }));
        }));
    });
    return h("table", { class: "exhibit-table simple risk" },
      h("caption", {}, "Who is where, by " + unit.replace(/s$/, "")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, unit), at.map(function (time) { return h("th", { scope: "col" }, time); }))),
      body);
  };
})();
