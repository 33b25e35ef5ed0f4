// Which histories print a percentage: every set of numbers at risk whose product (m - 1)/m rounds to it, in exact fractions.
(function () {
  "use strict";
  const recohort = window.recohort = window.recohort || {};
  const CLOSE = 1e-11; // a product of floating-point numbers this near to a limit is computed again, exactly

  // What a printed percentage stands for: from low to high, both included, in units of 1/scale.
  function limits(printed) {
    const text = String(printed);
    if (!/^\d{1,3}(\.\d{1,2})?$/.test(text) || Number(text) > 100) { return null; }
    const decimals = (text.split(".")[1] || "").length;
    const digits = BigInt(text.replace(".", ""));
    return { low: 2n * digits - 1n, high: 2n * digits + 1n, scale: 200n * 10n ** BigInt(decimals) };
  }

  function gcd(a, b) { return b === 0n ? a : gcd(b, a % b); }

  // The Kaplan-Meier estimate after events with these numbers at risk: [numerator, denominator], reduced.
  function survival(atRisk) {
    const top = atRisk.reduce(function (product, m) { return product * BigInt(m - 1); }, 1n);
    const bottom = atRisk.reduce(function (product, m) { return product * BigInt(m); }, 1n);
    const common = gcd(top, bottom);
    return [top / common, bottom / common];
  }

  // Minus, zero or plus: how a product compares with limit/scale. `about` is the product as a float.
  function compare(about, atRisk, limit, scale) {
    const gap = about - Number(limit) / Number(scale);
    if (Math.abs(gap) > CLOSE) { return gap; }
    const [top, bottom] = survival(atRisk());
    const exact = top * scale - limit * bottom;
    return exact > 0n ? 1 : exact < 0n ? -1 : 0;
  }

  // Yield the histories, early events first, as recohort.histories does; a product never rises again.
  function* histories(patients, printed) {
    const range = limits(printed);
    function* extend(events, product) {
      const here = function () { return events; };
      if (compare(product, here, range.low, range.scale) >= 0 &&
          compare(product, here, range.high, range.scale) <= 0) { yield events; }
      for (let m = events.length ? events[events.length - 1] - 1 : patients; m > 0; m -= 1) {
        const after = events.concat(m);
        const less = product * (m - 1) / m;
        if (compare(less, function () { return after; }, range.low, range.scale) < 0) { return; }
        yield* extend(after, less);
      }
    }
    yield* extend([], 1);
  }

  // All products of some numbers at risk between two, ascending.
  function products(first, last) {
    let found = [{ value: 1, atRisk: [] }];
    for (let m = last; m >= first; m -= 1) {
      found = found.concat(found.map(function (one) {
        return { value: one.value * (m - 1) / m, atRisk: one.atRisk.concat(m) };
      }));
    }
    return found.sort(function (a, b) { return a.value - b.value; });
  }

  // How many of an ascending list lie below a value.
  function below(list, value) {
    let from = 0;
    let to = list.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (list[middle].value < value) { from = middle + 1; } else { to = middle; }
    }
    return from;
  }

  // Count the histories without listing them: half of the patients against the other half.
  function count(patients, printed) {
    const range = limits(printed);
    const half = Math.ceil(patients / 2);
    const late = products(1, half);
    const low = Number(range.low) / Number(range.scale);
    const high = Number(range.high) / Number(range.scale);
    let total = 0;
    products(half + 1, patients).forEach(function (early) {
      const surely = below(late, (low + CLOSE) / early.value);
      const from = below(late, (low - CLOSE) / early.value);
      const until = below(late, (high + CLOSE) / early.value);
      const certain = below(late, (high - CLOSE) / early.value);
      total += Math.max(0, certain - surely);
      [[from, surely], [certain, until]].forEach(function ([a, b]) { // near a limit: exactly
        for (let i = a; i < b; i += 1) {
          const all = function () { return early.atRisk.concat(late[i].atRisk); };
          const product = early.value * late[i].value;
          if (compare(product, all, range.low, range.scale) >= 0 &&
              compare(product, all, range.high, range.scale) <= 0) { total += 1; }
        }
      });
    });
    return total;
  }

  recohort.histories = { limits: limits, survival: survival, list: histories, count: count };
})();
