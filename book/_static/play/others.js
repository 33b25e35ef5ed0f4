// The page "Same paper, other patients": one cohort of many at a time. Curves and risk tables change, printed numbers stay.
(function () {
  "use strict";
  const recohort = window.recohort;
  const h = recohort.html;
  const survival = recohort.survival;
  const stage = recohort.stage("others");
  if (!stage) { return; }
  const data = stage.data;
  const PAUSE = 1500; // milliseconds from one cohort to the next
  const motion = window.matchMedia("(prefers-reduced-motion: reduce)");
  let panel = null;
  let all = []; // the chosen panel in every cohort: {number, curves, numbers}
  let timer = null;

  // The curves of the panel in a cohort. A time is twice its steps, and one more with the event.
  function curvesOf(cohort, split) {
    return panel.groups.map(function (group, position) {
      const patients = [];
      cohort.times[panel.endpoint].forEach(function (code, i) {
        if (cohort.curves[split][i] === String(position)) {
          patients.push({ time: (code >> 1) / data.perUnit, event: code % 2 === 1 });
        }
      });
      return { label: group.label, style: group.style, group: group, patients: patients, table: survival.curve(patients) };
    });
  }

  function months(value) { return recohort.times(value, data.unit); }

  // What is computed from the curves, in the order of the table: sections of [label, printed, value, as text].
  function numbersOf(curves) {
    const sections = curves.map(function (one) {
      const printed = one.group.printed;
      const longest = Math.max(...one.patients.map(function (p) { return p.time; }));
      return { heading: one, rows: [
        ["Patients", printed.n, one.patients.length, String],
        ["At " + months(panel.month), printed.rate, survival.at(one.table, one.group.month), recohort.percent],
        ["Median", printed.median, survival.median(one.table), months],
        ["At " + months(panel.month / 2), "", survival.at(one.table, panel.month / 2), recohort.percent],
        ["Longest follow-up, " + data.unit, "", longest, function (value) { return recohort.times(value); }]
      ] };
    });
    const tests = panel.tests.map(function (test) {
      const [a, b] = test.pair.map(function (position) { return curves[position]; });
      return [a.label + " against " + b.label, test.printed, survival.logRank(a.patients, b.patients).p, recohort.pNumber];
    });
    return tests.length ? sections.concat({ heading: "P, " + panel.tests[0].name + " test", rows: tests }) : sections;
  }

  function range(section, row) {
    const values = all.map(function (one) { return one.numbers[section].rows[row][2]; });
    const text = all[0].numbers[section].rows[row][3];
    const [low, high] = [text(Math.min(...values)), text(Math.max(...values))];
    const shared = " " + data.unit;
    return low === high ? low : (low.endsWith(shared) && high.endsWith(shared) ? low.slice(0, -shared.length) : low) + " to " + high;
  }

  function numberTable(numbers) {
    const headings = ["", "Printed", "Here", "In all " + all.length];
    return h("table", { class: "exhibit-table simple printed" },
      h("caption", {}, "The printed numbers, and some that are not printed"),
      h("thead", {}, h("tr", {}, headings.map(function (text) { return text ? h("th", { scope: "col" }, text) : h("td", {}); }))),
      numbers.map(function (section, s) {
        const one = section.heading;
        return h("tbody", {},
          h("tr", { class: "section" }, h("th", { colspan: headings.length, scope: "rowgroup" },
            one.label ? [recohort.sample(one.style), " " + one.label] : one)),
          section.rows.map(function ([label, printed, value, text], r) {
            return h("tr", {}, h("th", { scope: "row" }, label), h("td", { class: printed ? null : "unprinted" }, printed || "–"),
              h("td", {}, text(value)), h("td", {}, range(s, r)));
          }));
      }));
  }

  const who = h("select", {}, data.splits.map(function (split, i) { return h("option", { value: i }, split.label); }));
  const endpoint = h("select", {});
  const slider = h("input", { type: "range", min: 1, max: data.cohorts.length, step: 1, value: 1, "aria-label": "Cohort" });
  const play = h("button", { type: "button" });
  const drawing = h("div", { class: "drawing" });
  const says = h("output", {});
  const printed = h("div", {});
  const risk = h("div", {});

  function show() {
    const one = all[Number(slider.value) - 1];
    const name = "Cohort " + one.number + ", " + slider.value + " of " + all.length;
    const said = one.curves.map(function (curve) {
      return curve.label + ": " + curve.patients.length + " patients, " + recohort.percent(survival.at(curve.table, curve.group.month)) +
        " at " + months(curve.group.month) + ", median " + months(survival.median(curve.table)) + ".";
    });
    const faint = all.flatMap(function (other) { return other === one ? [] : other.curves; });
    slider.setAttribute("aria-valuetext", name);
    says.textContent = name + ". Reconstructed, not real.";
    drawing.replaceChildren(recohort.plot(one.curves, data.until, data.unit, panel.name,
      "Kaplan-Meier curves of reconstructed patients, not real. " + name + ". " + said.join(" "), faint, panel.month));
    printed.replaceChildren(numberTable(one.numbers));
    risk.replaceChildren(recohort.riskRows(one.curves, data.until, data.unit));
  }

  function choose() {
    const split = Number(who.value);
    panel = data.splits[split].panels[Number(endpoint.value)];
    all = data.cohorts.map(function (cohort) {
      const curves = curvesOf(cohort, split);
      return { number: cohort.number, curves: curves, numbers: numbersOf(curves) };
    });
    show();
  }

  function endpoints() {
    const chosen = endpoint.value || 0;
    endpoint.replaceChildren(...data.splits[Number(who.value)].panels.map(function (one, i) {
      return h("option", { value: i }, one.name);
    }));
    endpoint.value = chosen;
    choose();
  }

  function step(by) {
    const count = data.cohorts.length;
    slider.value = (Number(slider.value) - 1 + by + count) % count + 1;
    show();
  }

  // While it plays, a screen reader is left in peace.
  function run(on) {
    clearInterval(timer);
    timer = on ? setInterval(function () { step(1); }, PAUSE) : null;
    play.textContent = on ? "Pause" : "Play";
    says.setAttribute("aria-live", on ? "off" : "polite");
  }

  function still() {
    run(false);
    play.hidden = motion.matches;
  }

  function byHand(text, by) {
    return h("button", { type: "button", onclick: function () { run(false); step(by); } }, text);
  }

  play.addEventListener("click", function () { run(timer === null); });
  slider.addEventListener("input", function () { run(false); show(); });
  who.addEventListener("change", endpoints);
  endpoint.addEventListener("change", choose);
  motion.addEventListener("change", still);
  document.addEventListener("visibilitychange", function () { if (document.hidden) { run(false); } });

  stage.place.append(
    h("div", { class: "controls" }, h("label", {}, "Patients", who), h("label", {}, "Endpoint", endpoint)),
    h("div", { class: "bench" },
      h("div", { class: "view" },
        h("div", { class: "stepper" }, byHand("Previous", -1), play, byHand("Next", 1), slider), says, drawing),
      printed),
    risk);
  still();
  endpoints();
})();
