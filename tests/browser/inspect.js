// What is wrong with the page as it is now, in words: names, structure, contrast, width.
() => {
  const faults = [];
  const seen = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const name = (one) => (one.getAttribute("aria-label") ?? "")
    || (one.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim()
    || [...(one.labels ?? [])].map((label) => label.textContent).join(" ").trim() || one.textContent.trim();
  for (const one of document.querySelectorAll("a[href], button, input, select, [role=application], dialog, nav, progress")) {
    if (seen(one) && !name(one)) faults.push(`no name: ${one.outerHTML.slice(0, 90)}`);
  }
  for (const one of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${one.src}`);
  for (const one of document.querySelectorAll("[tabindex]")) if (one.tabIndex > 0) faults.push("a tabindex above 0");
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids.filter((one, at) => ids.indexOf(one) !== at)) faults.push(`id twice: ${id}`);
  for (const one of document.querySelectorAll("[aria-describedby], [aria-labelledby], label[for]")) {
    const to = one.getAttribute("aria-describedby") ?? one.getAttribute("aria-labelledby") ?? one.htmlFor;
    if (!document.getElementById(to)) faults.push(`leads nowhere: ${to}`);
  }
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  let level = 1;
  for (const one of document.querySelectorAll("main h1, main h2, main h3")) {
    const here = Number(one.tagName[1]);
    if (here > level + 1) faults.push(`heading leaves a level out: ${one.textContent}`);
    level = here;
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth} px wide`);

  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const read = (colour) => colour.match(/[\d.]+/g).map(Number);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(one) || one.closest(".unseen, #skip, script, noscript, option, [aria-disabled=true]")) continue;
    const [a, b] = [light(read(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  return [...new Set(faults)];
}
