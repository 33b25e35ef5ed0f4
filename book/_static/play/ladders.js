// The page "Which histories print this percentage?": a form, the count, and each history as a ladder of numbers at risk.
(function () {
  "use strict";
  const recohort = window.recohort;
  const h = recohort.html;
  const s = recohort.svg;
  const exact = recohort.histories;
  const AT_ONCE = 12;
  const MOST_PATIENTS = 30;
  const RUNG = 17;
  const stage = recohort.stage("histories");
  if (!stage) { return; }

  function percent([top, bottom]) {
    const hundredths = (20000n * top + bottom) / (2n * bottom);
    return (Number(hundredths) / 100).toFixed(2) + "%";
  }

  // A rung for each patient: filled for an event, open for a censoring, a dot for who is left.
  function ladder(patients, atRisk, lowest) {
    const left = atRisk.length ? atRisk[atRisk.length - 1] - 1 : patients;
    const rungs = [];
    for (let m = patients; m >= lowest; m -= 1) {
      const y = (patients - m) * RUNG + 10;
      const event = atRisk.includes(m);
      rungs.push(s("text", { x: 18, y: y + 4, "text-anchor": "end", class: "faint" }, m));
      rungs.push(s("circle", {
        cx: 32, cy: y, r: event || m > left ? 5 : 1.6, class: event ? "event" : m > left ? "censored" : "left"
      }));
      if (event) { rungs.push(s("text", { x: 44, y: y + 4 }, m - 1 + "/" + m)); }
    }
    const below = lowest > 1 ? 16 : 0;
    const height = (patients - lowest + 1) * RUNG + 6 + below;
    if (below) { rungs.push(s("text", { x: 32, y: height - 6, "text-anchor": "middle", class: "faint" }, "⋮")); }
    return s("svg", { viewBox: "0 0 84 " + height, width: 84, height: height, "aria-hidden": "true" }, rungs);
  }

  function words(patients, atRisk) {
    if (!atRisk.length) { return "no event"; }
    const gone = patients - atRisk[atRisk.length - 1] + 1 - atRisk.length;
    return (atRisk.length === 1 ? "1 event, " : atRisk.length + " events, ") + (gone || "nobody") + " censored before the last";
  }

  function item(patients, atRisk, lowest) {
    const share = exact.survival(atRisk);
    const product = atRisk.map(function (m) { return m - 1 + "/" + m; }).join(" × ") || "1";
    return h("li", {},
      h("strong", {}, percent(share)),
      ladder(patients, atRisk, lowest),
      h("span", { class: "spoken" }, "At risk at the events: " + (atRisk.join(", ") || "none") + ". " + product + ". "),
      h("small", {}, words(patients, atRisk)));
  }

  const size = h("input", { type: "number", min: 1, max: MOST_PATIENTS, step: 1, inputmode: "numeric" });
  const rate = h("input", { type: "number", min: 0, max: 100, step: "any", inputmode: "decimal" });
  const verdict = h("output", { "aria-live": "polite" });
  const list = h("ol", { class: "ladders" });
  const more = h("button", { type: "button", onclick: function () { show(AT_ONCE); } }, "Show more");
  let pending = null; // the histories not yet shown

  function show(number) {
    const patients = Number(size.value);
    const taken = [];
    while (taken.length < number) {
      const next = pending.next();
      if (next.done) { break; }
      taken.push(next.value);
    }
    const ends = taken.map(function (events) { return events.length ? events[events.length - 1] - 1 : patients; });
    const lowest = Math.max(1, Math.min(patients, ...ends) - 1);
    list.append(...taken.map(function (events) { return item(patients, events, lowest); }));
    more.hidden = list.childElementCount >= Number(verdict.dataset.count);
  }

  // The nearest whole percentages that some history prints.
  function neighbours(patients, printed) {
    function nearest(step) {
      for (let p = Math.round(printed) + step; p >= 0 && p <= 100; p += step) {
        if (exact.count(patients, p)) { return p + "%"; }
      }
      return null;
    }
    return [nearest(-1), nearest(1)].filter(Boolean).join(" and ");
  }

  function answer() {
    const patients = Number(size.value);
    const printed = rate.value.trim();
    list.replaceChildren();
    more.hidden = true;
    delete verdict.dataset.count;
    if (!Number.isInteger(patients) || patients < 1 || patients > MOST_PATIENTS) {
      verdict.textContent = "Give 1 to " + MOST_PATIENTS + " patients.";
      return;
    }
    if (!exact.limits(printed)) {
      verdict.textContent = "Give a percentage from 0 to 100, with at most two decimals.";
      return;
    }
    const found = exact.count(patients, printed);
    const who = patients === 1 ? "1 patient" : patients + " patients";
    verdict.dataset.count = found;
    if (!found) {
      verdict.textContent = "No history of " + who + " prints as " + printed + "%. The nearest that can be printed: " +
        neighbours(patients, Number(printed)) + ".";
      return;
    }
    pending = exact.list(patients, printed);
    show(AT_ONCE);
    verdict.textContent = found.toLocaleString("en") + (found === 1 ? " history of " : " histories of ") + who +
      (found === 1 ? " prints" : " print") + " as " + printed + "%" +
      (found === 1 ? ": the print gives the whole course away." : found > AT_ONCE ? ". The first " + AT_ONCE + ", early events first:" : ":");
  }

  function choose(preset) {
    size.value = preset.patients;
    rate.value = preset.percent;
    answer();
  }

  size.addEventListener("input", answer);
  rate.addEventListener("input", answer);
  stage.place.append(
    h("div", { class: "controls" },
      h("label", {}, "Patients at the start", size), h("label", {}, "Printed percentage", rate)),
    h("div", { class: "controls", role: "group", "aria-label": "Printed in the paper" },
      h("span", {}, "Printed in the paper:"),
      stage.data.presets.map(function (preset) {
        const text = preset.percent + "% of " + preset.patients;
        return h("button", { type: "button", title: preset.whose, onclick: function () { choose(preset); } }, text);
      })),
    verdict, list, more,
    h("p", { class: "key" },
      s("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
        s("circle", { cx: 6, cy: 6, r: 5, class: "event" })), " event, and the share who pass it ",
      s("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
        s("circle", { cx: 6, cy: 6, r: 5, class: "censored" })), " censored ",
      s("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
        s("circle", { cx: 6, cy: 6, r: 1.6, class: "left" })), " still at risk after the last event"));
  choose(stage.data.presets[0]);
})();
