// Two pictures of a .slider become one with a slider; without this script they stand side by side.
for (const slider of document.querySelectorAll(".slider")) {
  const [left, right] = slider.querySelectorAll("img");
  const range = document.createElement("input");
  range.type = "range";
  range.setAttribute("aria-label", `from ${left.alt} to ${right.alt}`);
  range.addEventListener("input", () => slider.style.setProperty("--at", `${range.value}%`));
  slider.append(range);
  slider.classList.add("ready");
}
