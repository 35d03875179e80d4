// One press sends once. Everything else works without this file.
document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
  button.setAttribute("aria-disabled", "true");
});
// Coming back by the browser's back button shows the page as it was left: ready again.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button")) button.removeAttribute("aria-disabled");
});
