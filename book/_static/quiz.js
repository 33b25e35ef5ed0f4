// Questions with instant feedback. Without this script they are questions to read, and the solution follows them.
(function () {
  "use strict";

  function judge(form) {
    var fields = Array.prototype.slice.call(form.querySelectorAll("input"));
    var field = fields[0];
    if (field.type === "radio") {
      var chosen = fields.filter(function (one) { return one.checked; })[0];
      if (!chosen) { return { right: false, text: "Choose an answer first." }; }
      return { right: chosen.dataset.right === "yes", text: chosen.dataset.why };
    }
    var typed = field.value.replace(/\s|%/g, "").replace(",", ".");
    var value = Number(typed);
    if (!typed || !isFinite(value)) { return { right: false, text: "Type a number first, such as 12.5." }; }
    if (Math.abs(value - Number(field.dataset.answer)) <= Number(field.dataset.slack) + 1e-9) {
      return { right: true, text: field.dataset.why };
    }
    var slips = Array.prototype.slice.call(form.querySelectorAll("data"));
    var slip = slips.filter(function (one) {
      return Math.abs(value - Number(one.value)) <= Number(field.dataset.slack) + 1e-9;
    })[0];
    return { right: false, text: slip ? slip.dataset.why : "Try again, or open the solution below." };
  }

  document.querySelectorAll("form.quiz").forEach(function (form) {
    var button = document.createElement("button");
    var says = document.createElement("output");
    button.type = "submit";
    button.textContent = "Check";
    says.setAttribute("aria-live", "polite");
    form.append(button, says);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      var verdict = judge(form);
      says.textContent = (verdict.right ? "Right. " : "Not yet. ") + verdict.text;
      form.dataset.verdict = verdict.right ? "right" : "wrong";
    });
    form.addEventListener("input", function () {
      says.textContent = "";
      delete form.dataset.verdict;
    });
  });
})();
