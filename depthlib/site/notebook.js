"use strict";

// Sliders of a lesson: the one picture whose number is the slider's value is shown.
for (const slider of document.querySelectorAll('input[type="range"]')) {
  const figures = [...slider.parentElement.querySelectorAll("figure[data-i]")];
  slider.addEventListener("input", () => figures.forEach((one) => {
    one.style.display = one.dataset.i === slider.value ? "block" : "none";
  }));
}
