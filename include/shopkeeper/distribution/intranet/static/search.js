// Search without a server: the index is a script beside the pages. What it finds is written as text, never as markup.
(function () {
  "use strict";
  var SHOWN = 200;
  var NAMES = { policy: "Policy", story: "Recovery story", score: "Score", words: "In their words" };

  function fold(text) {
    return text.toLowerCase().replace(/ß/g, "ss").normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  }

  // Each letter is folded by itself, so that a place in the folded text is known in the written one.
  function marked(text, terms) {
    var folded = "", places = [], i, j;
    for (i = 0; i < text.length; i++) {
      var letter = fold(text[i]);
      for (j = 0; j < letter.length; j++) places.push(i);
      folded += letter;
    }
    var spans = [];
    terms.forEach(function (term) {
      for (var at = folded.indexOf(term); at >= 0; at = folded.indexOf(term, at + term.length)) {
        spans.push([places[at], places[at + term.length - 1] + 1]);
      }
    });
    spans.sort(function (a, b) { return a[0] - b[0]; });
    return spans;
  }

  function write(parent, text, terms) {
    var end = 0;
    marked(text, terms).forEach(function (span) {
      if (span[0] < end) return;
      parent.appendChild(document.createTextNode(text.slice(end, span[0])));
      var mark = document.createElement("mark");
      mark.textContent = text.slice(span[0], span[1]);
      parent.appendChild(mark);
      end = span[1];
    });
    parent.appendChild(document.createTextNode(text.slice(end)));
  }

  function search(query, index) {
    var terms = fold(query).split(/\s+/).filter(Boolean);
    if (!terms.length) return { terms: terms, hits: [] };
    var order = { policy: 0, story: 1, score: 2, words: 3 };
    var hits = index.filter(function (entry) {
      entry.f = entry.f || fold(entry.t + " " + entry.x);
      return terms.every(function (term) { return entry.f.indexOf(term) >= 0; });
    });
    hits.sort(function (a, b) { return order[a.k] - order[b.k]; });
    return { terms: terms, hits: hits };
  }

  function showResults() {
    var list = document.getElementById("results");
    if (!list || !window.SHOPKEEPER_INDEX) return;
    var query = new URLSearchParams(window.location.search).get("q") || "";
    var field = document.getElementById("q"), status = document.getElementById("found");
    field.value = query;
    var found = search(query, window.SHOPKEEPER_INDEX);
    status.textContent = !found.terms.length ? "Write a word or two above."
      : found.hits.length === 0 ? "Nothing found for “" + query + "”."
      : found.hits.length + " found for “" + query + "”" + (found.hits.length > SHOWN ? ", the first " + SHOWN + ":" : ":");
    found.hits.slice(0, SHOWN).forEach(function (entry) {
      var item = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("p"), text = document.createElement("p");
      item.className = entry.b || "";
      link.href = entry.u;
      write(link, entry.t, found.terms);
      kind.className = "faint";
      kind.textContent = NAMES[entry.k];
      var long = entry.x.length > 400 ? entry.x.slice(0, 400) + "…" : entry.x;
      write(text, long, found.terms);
      item.append(kind, link, text);
      list.appendChild(item);
    });
  }

  function filterWords() {
    var band = document.getElementById("band"), theme = document.getElementById("theme");
    if (!band) return;
    var quotes = Array.prototype.slice.call(document.querySelectorAll("#voices > blockquote"));
    band.closest(".filter").hidden = false;
    function show() {
      var count = 0, about = theme ? theme.value : "";
      quotes.forEach(function (quote) {
        var themes = quote.dataset.themes.split("|");
        quote.hidden = (band.value !== "" && !quote.classList.contains(band.value)) || (about !== "" && themes.indexOf(about) < 0);
        count += quote.hidden ? 0 : 1;
      });
      document.getElementById("shown").textContent = count + " shown";
    }
    band.addEventListener("change", show);
    var asked = new URLSearchParams(window.location.search).get("theme");
    if (theme) theme.addEventListener("change", show);
    if (theme && asked) {
      theme.value = asked;
      if (theme.selectedIndex < 0) theme.selectedIndex = 0;
      show();
    }
  }

  showResults();
  filterWords();
})();
