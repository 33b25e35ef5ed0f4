// What an audit knows of the statements that are on, as src/recohort/exhibits/switches.py says it.
(function () {
  "use strict";
  const recohort = window.recohort = window.recohort || {};

  function within(some, set) { return some.every(function (k) { return set.has(k); }); }

  // The size of a smallest set that shares a member with each of some sets.
  function fewest(sets) {
    function hit(left, most) {
      return !left.length || (most > 0 && left[0].some(function (k) {
        return hit(left.filter(function (one) { return !one.includes(k); }), most - 1);
      }));
    }
    let most = 0;
    while (!hit(sets, most)) { most += 1; }
    return most;
  }

  // "cannot": a proven conflict is on. "can": known patients meet all that is on. "unknown": neither.
  function part(data, on) {
    const lit = data.conflicts.map(function (_, i) { return i; }).filter(function (i) {
      return within(data.conflicts[i].of, on);
    });
    if (lit.length) {
      return { status: "cannot", lit: lit, fewest: fewest(lit.map(function (i) { return data.conflicts[i].of; })) };
    }
    const known = !on.size || data.witnesses.some(function (witness) { return within([...on], new Set(witness)); });
    return { status: known ? "can" : "unknown", lit: lit, fewest: 0 };
  }

  function byCohort(data, on) { return data.met !== null && within([...on], new Set(data.met)); }

  // Patients who meet one part and others who meet another are no proof for both at once; one cohort is.
  function whole(data, on) {
    const parts = data.parts.map(function (one, p) { return part(one, on[p]); });
    const least = parts.reduce(function (sum, one) { return sum + one.fewest; }, 0);
    if (parts.some(function (one) { return one.status === "cannot"; })) {
      return { status: "cannot", apart: false, fewest: least, parts: parts };
    }
    const apart = parts.every(function (one) { return one.status === "can"; });
    const alone = on.filter(function (mine) { return mine.size; }).length <= 1;
    const met = data.parts.every(function (one, p) { return byCohort(one, on[p]); });
    const can = met || (apart && alone);
    return { status: can ? "can" : "unknown", apart: apart && !can, fewest: least, parts: parts };
  }

  recohort.holds = { fewest: fewest, part: part, whole: whole, byCohort: byCohort };
})();
