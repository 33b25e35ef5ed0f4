// Survival arithmetic: Kaplan-Meier, median, numbers at risk, log-rank test. Patients are {time, event}. As in recohort.estimators.
(function () {
  "use strict";
  const recohort = window.recohort = window.recohort || {};
  const HALF = 0.5 + 1e-12; // products such as 3/4 x 2/3 may miss one half by a last bit

  function distinct(patients) {
    return [...new Set(patients.map(function (one) { return one.time; }))].sort(function (a, b) { return a - b; });
  }

  function number(patients, test) { return patients.filter(test).length; }

  // One row for each distinct time: who is at risk just before it, events and censorings at it, survival after it.
  function curve(patients) {
    let survival = 1;
    return distinct(patients).map(function (time) {
      const atRisk = number(patients, function (one) { return one.time >= time; });
      const leave = patients.filter(function (one) { return one.time === time; });
      const events = number(leave, function (one) { return one.event; });
      survival *= (atRisk - events) / atRisk;
      return { time: time, atRisk: atRisk, events: events, censored: leave.length - events, survival: survival };
    });
  }

  // Survival at a time; a drop exactly there is included.
  function at(table, time) {
    return table.reduce(function (survival, row) { return row.time <= time ? row.survival : survival; }, 1);
  }

  // The first time with survival at one half or below; infinite if there is none.
  function median(table) {
    const row = table.find(function (one) { return one.survival <= HALF; });
    return row ? row.time : Infinity;
  }

  // At each of some times: still at risk, censored before, with the event before.
  function riskTable(patients, times) {
    return times.map(function (time) {
      const gone = patients.filter(function (one) { return one.time < time; });
      const events = number(gone, function (one) { return one.event; });
      return { atRisk: patients.length - gone.length, censored: gone.length - events, events: events };
    });
  }

  // The complementary error function: a series for small x, a continued fraction for large.
  function erfc(x) {
    if (x < 2) {
      let term = x;
      let sum = x;
      for (let n = 1; term > sum * 1e-17; n += 1) {
        term *= 2 * x * x / (2 * n + 1);
        sum += term;
      }
      return 1 - 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }
    let tail = 0;
    for (let n = 60; n > 0; n -= 1) { tail = n / 2 / (x + tail); }
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
  }

  // The log-rank test of two groups, with one step for each time of an event.
  function logRank(first, second) {
    const all = first.concat(second);
    const times = distinct(all.filter(function (one) { return one.event; }));
    const steps = times.map(function (time) {
      const here = function (one) { return one.event && one.time === time; };
      const there = function (one) { return one.time >= time; };
      const n1 = number(first, there);
      const n = number(all, there);
      const d = number(all, here);
      return {
        time: time, events: d, atRisk: n, firstEvents: number(first, here), firstAtRisk: n1, expected: d * n1 / n,
        variance: n > 1 ? d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1) : 0
      };
    });
    function total(name) { return steps.reduce(function (sum, step) { return sum + step[name]; }, 0); }
    const result = { steps: steps, observed: total("firstEvents"), expected: total("expected"), variance: total("variance") };
    // Without an event while both groups are at risk nothing is compared.
    result.statistic = result.variance > 1e-12 ? Math.pow(result.observed - result.expected, 2) / result.variance : 0;
    result.p = result.statistic > 0 ? erfc(Math.sqrt(result.statistic / 2)) : 1;
    return result;
  }

  recohort.survival = { curve: curve, at: at, median: median, riskTable: riskTable, logRank: logRank };
})();
