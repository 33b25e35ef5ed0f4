// The page "Break the paper": printed statements as switches, conflicts as lights. A light is on while all its statements are.
(function () {
  "use strict";
  const recohort = window.recohort;
  const h = recohort.html;
  const stage = recohort.stage("break");
  if (!stage) { return; }
  const data = stage.data;
  const on = data.parts.map(function (part) { return new Set(part.statements.keys()); });
  const total = count(function (p) { return data.parts[p].statements.length; });
  const conflicts = count(function (p) { return data.parts[p].conflicts.length; });
  const WORDS = { cannot: "Cannot hold together", can: "Can hold together", unknown: "Not known" };

  function count(number) { return data.parts.reduce(function (sum, _, p) { return sum + number(p); }, 0); }
  function plural(n, word) { return n + " " + word + (n === 1 ? "" : "s"); }
  function must(n, of) { return "at least " + n + " of the " + of + " that are on must give way"; }

  // --- one part: its switches with a matrix of dots beside them, and its conflicts in words ---

  function light(number) { return h("span", { class: "light" }, String(number)); }

  function dots(part, k) {
    return part.conflicts.every(function (conflict) { return !conflict.of.includes(k); }) ? null : h("span", { class: "dots", "aria-hidden": "true" }, part.conflicts.map(function (conflict, i) {
      const [first, last] = [Math.min(...conflict.of), Math.max(...conflict.of)];
      const member = conflict.of.includes(k);
      const kind = (member ? "member" : k > first && k < last ? "between" : "none") +
        (k === first ? " first" : "") + (k === last ? " last" : "");
      return h("span", { class: kind, "data-conflict": i });
    }));
  }

  function row(part, p, k) {
    const one = part.statements[k];
    const box = h("input", { type: "checkbox", role: "switch", onchange: function () { turn(p, [k], box.checked); } });
    const item = h("li", {}, h("label", {}, box, h("span", {},
      h("strong", {}, one.printed), " ", h("span", { class: "what" }, one.what), h("small", {}, one.places),
      one.reading ? h("small", { class: "reading" }, "This book: " + one.reading) : null)), dots(part, k));
    return { box: box, item: item };
  }

  function title(part, conflict) {
    const printed = conflict.of.map(function (k) { return "“" + part.statements[k].printed + "”"; });
    if (printed.length === 1) { return printed[0] + " " + part.statements[conflict.of[0]].what; }
    return printed.length === 2 ? printed.join(" with ") : plural(printed.length, "statement") + " together";
  }

  function explained(part, conflict, i) {
    const state = h("small", {});
    const claims = conflict.of.map(function (k) {
      const one = part.statements[k];
      const link = h("a", { href: data.page + "#claim-" + one.claim, "data-claim": one.claim, "aria-haspopup": "dialog" },
        "“" + one.printed + "”");
      return h("li", {}, link, " " + one.what);
    });
    const node = h("details", { class: "conflict" },
      h("summary", {}, light(i + 1), " ", title(part, conflict), " ", state), h("p", {}, conflict.why), h("ul", {}, claims));
    return { node: node, state: state };
  }

  function harmless(rows) {
    return !rows.length ? null : h("details", { class: "harmless" },
      h("summary", {}, plural(rows.length, "more statement") + ", in no known conflict"),
      h("ul", { class: "switches" }, rows.map(function (one) { return one.item; })));
  }

  function section(part, p) {
    const n = part.conflicts.length;
    const rows = part.statements.map(function (_, k) { return row(part, p, k); });
    const involved = new Set(part.conflicts.flatMap(function (conflict) { return conflict.of; })).size;
    const all = h("input", { type: "checkbox", onchange: function () { turn(p, rows.keys(), all.checked); } });
    const says = h("p", { class: "verdict" });
    const why = part.conflicts.map(function (conflict, i) { return explained(part, conflict, i); });
    const heads = h("li", { class: "heads", "aria-hidden": "true" }, h("span", {}),
      h("span", { class: "dots" }, part.conflicts.map(function (_, i) { return h("span", { class: "none", "data-conflict": i }, light(i + 1)); })));
    const node = h("fieldset", {}, h("legend", {}, part.name),
      h("label", { class: "beside" }, all, h("span", {}, "All " + plural(rows.length, "statement"))), says,
      h("ul", { class: "switches", style: "--conflicts: " + n }, heads,
        rows.slice(0, involved).map(function (one) { return one.item; })),
      harmless(rows.slice(involved)), n ? h("p", { class: "key" }, "Conflicts, one for each light") : null,
      why.map(function (one) { return one.node; }));
    return { node: node, rows: rows, all: all, says: says, why: why };
  }

  function partSays(p, verdict) {
    const part = data.parts[p];
    if (verdict.status === "cannot") { return ": " + must(verdict.fewest, on[p].size) + "."; }
    if (verdict.status === "unknown") { return ": no known conflict is left, but no patients are known who meet all that is on."; }
    if (!on[p].size) { return ": nothing is on."; }
    return recohort.holds.byCohort(part, on[p]) ? ": the reconstructed patients of this book meet all that is on." :
      ": the solver found patients who meet all that is on.";
  }

  function showPart(p, verdict) {
    const { rows, all, says, why, node } = parts[p];
    rows.forEach(function (one, k) {
      one.box.checked = on[p].has(k);
      one.item.classList.toggle("off", !on[p].has(k));
    });
    all.checked = on[p].size === rows.length;
    all.indeterminate = on[p].size > 0 && !all.checked;
    says.dataset.status = verdict.status;
    says.replaceChildren(h("strong", {}, WORDS[verdict.status]), partSays(p, verdict));
    node.querySelectorAll("[data-conflict]").forEach(function (dot) {
      dot.classList.toggle("lit", verdict.lit.includes(Number(dot.dataset.conflict)));
    });
    why.forEach(function (one, i) {
      const lit = verdict.lit.includes(i);
      one.node.classList.toggle("lit", lit);
      one.state.textContent = lit ? "(on)" : "(out)";
      lamps[p][i].classList.toggle("lit", lit);
    });
    // One of the conflicts that are on is always told.
    if (verdict.lit.length && !verdict.lit.some(function (i) { return why[i].node.open; })) {
      why[verdict.lit[0]].node.open = true;
    }
  }

  // Switches keep their place under the finger: what stands above them may grow, not shrink.
  function steady(node) { node.style.minHeight = node.getBoundingClientRect().height + "px"; }

  function loosen() {
    steadied.forEach(function (node) { node.style.minHeight = ""; });
    steadied.forEach(steady);
  }

  // --- all parts ---

  function wholeSays(verdict) {
    const left = count(function (p) { return on[p].size; });
    if (verdict.status === "cannot") { return ": " + must(verdict.fewest, left) + ", proven."; }
    if (!left) { return ": nothing is on, so nothing can conflict."; }
    if (verdict.status === "can") {
      const cohort = data.parts.every(function (part, p) { return recohort.holds.byCohort(part, on[p]); });
      return cohort ? ": the reconstructed patients of this book meet all " + left + " that are on." :
        ": the solver found patients who meet all " + left + " that are on.";
    }
    return verdict.apart ? ": each part can hold by itself, but no patients are known who meet all parts at once." :
      ": no known conflict is left, but no patients are known who meet all that is on.";
  }

  function scoreSays(verdict) {
    const lit = verdict.parts.reduce(function (sum, one) { return sum + one.lit.length; }, 0);
    const off = total - count(function (p) { return on[p].size; });
    const proven = "the proven minimum is " + data.fewest + ".";
    if (lit || !conflicts) { return lit + " of " + plural(conflicts, "light") + " on, " + off + " of " + total + " switched off; " + proven; }
    return off === data.fewest ? "All lights out with " + off + " switched off. Nobody can do with fewer; that is proven." :
      "All lights out with " + off + " switched off; " + proven;
  }

  function show() {
    const verdict = recohort.holds.whole(data, on);
    verdict.parts.forEach(function (one, p) { showPart(p, one); });
    view.dataset.status = verdict.status;
    headline.replaceChildren(h("strong", {}, WORDS[verdict.status]), wholeSays(verdict));
    score.textContent = scoreSays(verdict);
    steadied.forEach(steady);
  }

  function turn(p, some, up) {
    [...some].forEach(function (k) { if (up) { on[p].add(k); } else { on[p].delete(k); } });
    show();
  }

  function preset(one) {
    return h("button", { type: "button", title: one.hint, onclick: function () {
      data.parts.forEach(function (part, p) {
        on[p] = new Set([...part.statements.keys()].filter(function (k) { return !one.off[p].includes(k); }));
      });
      show();
    } }, one.name);
  }

  const lamps = data.parts.map(function (part) { return part.conflicts.map(function () { return h("span", {}); }); });
  const headline = h("span", {});
  const score = h("span", { class: "score" });
  const strip = h("div", { class: "lamps", "aria-hidden": "true" }, lamps.map(function (some) { return h("span", {}, some); }));
  const says = h("output", { "aria-live": "polite" }, headline, score);
  const view = h("div", { class: "view" }, says, strip);
  const parts = data.parts.map(section);
  const steadied = [says].concat(parts.map(function (one) { return one.says; }));
  stage.place.append(
    h("div", { class: "controls", role: "group", "aria-label": "Choices" }, data.presets.map(preset)), view,
    ...parts.map(function (one) { return one.node; }));
  window.addEventListener("resize", loosen);
  show();
})();
