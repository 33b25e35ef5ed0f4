// The page "Build a Kaplan-Meier curve": patients as sliders; curves, risk table, medians and the log-rank test follow.
(function () {
  "use strict";
  const recohort = window.recohort;
  const h = recohort.html;
  const survival = recohort.survival;
  const stage = recohort.stage("build");
  if (!stage) { return; }
  const groups = stage.data.groups; // [{label, style}], two
  const unit = stage.data.unit;
  const UNTIL = stage.data.until;
  let patients = [];
  const drawing = h("div", { class: "drawing" });
  const risk = h("div", {});
  const says = h("output", { "aria-live": "polite" });
  const arithmetic = h("div", {});
  const rows = h("ul", { class: "lives", "aria-label": "Patients" });

  function inGroup(number) { return patients.filter(function (one) { return one.group === number; }); }

  function curveTable(label, table) {
    const drops = table.filter(function (row) { return row.events; });
    return recohort.table("S(t) of " + label + ": the product of the shares who pass", ["Month", "At risk", "Share", "S(t)"],
      drops.map(function (row) {
        return [recohort.times(row.time), row.atRisk, row.atRisk - row.events + "/" + row.atRisk, recohort.rounded(100 * row.survival, 1) + "%"];
      }));
  }

  function testTable(test, label) {
    return recohort.table("Log-rank test: events of " + label + ", observed and expected", ["Month", "Events / at risk", "Observed", "Expected", "Variance"],
      test.steps.map(function (step) {
        return [recohort.times(step.time), step.events + "/" + step.atRisk, step.firstEvents,
          step.events + " × " + step.firstAtRisk + "/" + step.atRisk + " = " + recohort.rounded(step.expected, 3), recohort.rounded(step.variance, 3)];
      }).concat([["Sum", "", test.observed, recohort.rounded(test.expected, 3), recohort.rounded(test.variance, 3)]]));
  }

  function update() {
    const curves = groups.map(function (group, number) {
      const members = inGroup(number);
      return { label: group.label, style: group.style, patients: members, table: survival.curve(members) };
    });
    const test = survival.logRank(curves[0].patients, curves[1].patients);
    const said = curves.map(function (one) {
      return one.label + ": " + one.patients.length + " patients, " + one.patients.filter(function (p) { return p.event; }).length + " events, median " +
        recohort.times(survival.median(one.table), unit);
    });
    const p = curves[0].patients.length && curves[1].patients.length ? "Log-rank P " + recohort.pNumber(test.p).replace(/^(?=\d)/, "= ") : "No test with one group";
    says.replaceChildren(...said.concat(p).map(function (text, number) {
      return h("span", {}, curves[number] ? recohort.sample(curves[number].style) : null, (curves[number] ? " " : "") + text + ". ");
    }));
    drawing.replaceChildren(
      recohort.plot(curves, UNTIL, unit, stage.data.endpoint, "Kaplan-Meier curves. " + said.join(". ") + ". " + p + "."));
    risk.replaceChildren(recohort.riskRows(curves, UNTIL, unit));
    arithmetic.replaceChildren(
      ...curves.map(function (one) { return curveTable(one.label, one.table); }),
      testTable(test, groups[0].label),
      h("p", {}, test.variance > 1e-12
        ? "(" + test.observed + " − " + recohort.rounded(test.expected, 3) + ")² / " + recohort.rounded(test.variance, 3) + " = " +
          recohort.rounded(test.statistic, 3) + "; chi-squared with one degree of freedom: P = " + recohort.rounded(test.p, 4) + "."
        : "No event while both groups are at risk: nothing to compare, P = 1."));
  }

  // A button shows its state, and says it to those who hear the page, with what pressing it does.
  function label(button, name, state, pressing) {
    button.textContent = state;
    button.setAttribute("aria-label", name + ": " + state + ", " + pressing);
  }

  function life(one) {
    const slider = h("input", { type: "range", min: 0.1, max: UNTIL, step: 0.1, "aria-label": one.label + ", " + unit });
    const typed = h("input", { type: "number", min: 0.1, max: UNTIL, step: 0.1, inputmode: "decimal", "aria-label": one.label + ", " + unit });
    const event = h("button", { type: "button" });
    const arm = h("button", { type: "button" });
    const row = h("li", {}, h("span", { class: "name" }, one.label), slider, h("span", {}, typed, event, arm));

    function show() {
      slider.value = one.time;
      row.style.setProperty("--colour", "var(--curve-" + groups[one.group].style + ")");
      row.dataset.event = one.event ? "yes" : "no";
      label(event, one.label, one.event ? "event" : "censored", one.event ? "make it censored" : "make it an event");
      label(arm, one.label, groups[one.group].short, "move to the other group");
    }

    function move(value) {
      const time = Math.round(10 * Number(value)) / 10;
      if (!(time >= 0.1 && time <= UNTIL)) { return; } // while a number is being typed
      one.time = time;
      show();
      update();
    }

    slider.addEventListener("input", function () { move(slider.value); typed.value = one.time; });
    typed.addEventListener("input", function () { move(typed.value); });
    typed.addEventListener("change", function () { typed.value = one.time; });
    event.addEventListener("click", function () { one.event = !one.event; show(); update(); });
    arm.addEventListener("click", function () { one.group = 1 - one.group; show(); update(); });
    typed.value = one.time;
    show();
    return row;
  }

  function reset() {
    patients = stage.data.patients.map(function ([label, time, event, group]) {
      return { label: label, time: time, event: event === 1, group: group };
    });
    rows.replaceChildren(...patients.map(life));
    update();
  }

  stage.place.append(
    h("div", { class: "bench" },
      h("div", {}, rows, h("button", { type: "button", onclick: reset }, "Start again")),
      h("div", { class: "view" }, drawing, says)),
    risk,
    h("details", { open: true }, h("summary", {}, "The arithmetic"), arithmetic));
  reset();
})();
