// On a phone the row of pages is longer than the screen: show the one that is open.
const here = document.querySelector("nav [aria-current]");
const row = here?.closest("nav");
if (row) row.scrollLeft = here.offsetLeft - row.offsetLeft - 16;

// Puts a command on the clipboard. Without scripts it can still be selected by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

// Of many cuts one is looked at: those by the two things that are picked. Without scripts all of them stand below each other.
for (const pick of document.querySelectorAll(".pick")) {
  const [first, second] = pick.querySelectorAll("select");
  const grids = [...pick.parentElement.querySelectorAll(".grid")].map((node) => ({ node, by: [node.dataset.down, node.dataset.across] }));
  const fill = (select, names) => select.replaceChildren(...names.map((name) => new Option(name)));
  const show = () => grids.forEach(({ node, by }) => (node.hidden = !(by.includes(first.value) && by.includes(second.value))));
  const partners = () => fill(second, grids.filter(({ by }) => by.includes(first.value)).map(({ by }) => by[0] === first.value ? by[1] : by[0]));
  fill(first, [...new Set(grids.flatMap(({ by }) => by))]);
  partners();
  show();
  pick.hidden = false;
  first.addEventListener("change", () => { partners(); show(); });
  second.addEventListener("change", show);
}
