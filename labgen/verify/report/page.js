(() => {
  'use strict';
  const grid = document.getElementById('matrix');
  const panel = document.getElementById('detail');
  const filters = document.getElementById('filters');
  const rows = [...grid.tBodies[0].rows];
  const heads = [...grid.tHead.rows[0].cells].slice(1);
  const nodes = heads.map((head) => ({ name: head.textContent, site: head.dataset.site, role: head.dataset.role }));
  const lines = [...document.querySelectorAll('#connections tbody tr')];
  const titles = [...document.querySelectorAll('#connections thead th')].map((head) => head.textContent);
  const reports = [...document.querySelectorAll('#nodes tbody tr')];
  const bad = new Set(['missing', 'extra', 'unmeasured']);
  const hint = panel.querySelector('.hint');
  let chosen = null; // the cell that keyboard and panel are at
  let pinned = false;

  const byPair = (elements) => {
    const found = new Map();
    for (const one of elements) {
      const pair = one.dataset.pair;
      found.set(pair, [...(found.get(pair) || []), one]);
    }
    return found;
  };
  const dialogues = byPair(lines);
  const differences = byPair(document.querySelectorAll('.diff [data-pair]'));

  const place = (cell) => [rows.indexOf(cell.parentElement), cell.cellIndex - 1];
  const at = (row, column) => rows[row].cells[column + 1];
  const make = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  // A line of the table of connections, as a list of its headings and texts.
  const listed = (line) => {
    const section = document.createElement('section');
    const list = section.appendChild(make('dl', '', 'facts'));
    [...line.cells].slice(2).forEach((cell, index) => {
      const entry = list.appendChild(document.createElement('div'));
      entry.append(make('dt', titles[index + 2]), make('dd', cell.textContent.trim()));
    });
    return section;
  };
  const copied = (item) => {
    const section = make('section', '', 'difference');
    section.append(...[...item.cloneNode(true).childNodes]);
    return section;
  };

  const show = (cell) => {
    const [row, column] = place(cell);
    const pair = `${row}-${column}`;
    if (chosen) {
      chosen.classList.remove('chosen');
      chosen.tabIndex = -1;
    }
    heads.forEach((head, index) => head.classList.toggle('here', index === column));
    rows.forEach((one, index) => one.cells[0].classList.toggle('here', index === row));
    chosen = cell;
    cell.classList.add('chosen');
    cell.tabIndex = 0;
    const source = cell.querySelector('a') || cell;
    const text = source.getAttribute('aria-label') || (row === column ? 'itself' : 'not asked');
    const title = make('h3', `${nodes[row].name} → ${nodes[column].name}`);
    const parts = [];
    for (const item of differences.get(pair) || []) parts.push(copied(item));
    for (const line of dialogues.get(pair) || []) parts.push(listed(line));
    if (cell.classList.contains('unmeasured')) {
      for (const item of differences.get(String(row)) || []) parts.push(copied(item));
    }
    const told = make('div', '', 'parts');
    told.append(...parts);
    panel.replaceChildren(title, make('p', text), told);
    if (pinned) {
      const close = make('button', 'close', 'close');
      close.type = 'button';
      close.addEventListener('click', release);
      panel.prepend(close);
    }
    panel.classList.toggle('idle', !pinned);
  };
  const pin = (cell) => {
    pinned = true;
    show(cell);
  };
  const release = () => {
    const back = panel.contains(document.activeElement);
    if (back && chosen) chosen.focus();
    pinned = false;
    panel.classList.add('idle');
    panel.replaceChildren(hint);
  };

  const cellOf = (event) => event.target.closest('#matrix tbody td');
  grid.addEventListener('mouseover', (event) => {
    const cell = cellOf(event);
    if (cell && !pinned) show(cell);
  });
  grid.addEventListener('click', (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    event.preventDefault();
    cell.tabIndex = 0;
    cell.focus();
    pin(cell);
  });
  grid.addEventListener('focusin', (event) => {
    const cell = cellOf(event);
    if (cell) pin(cell);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') release();
  });

  const shownFrom = (list, start, step) => {
    for (let index = start; index >= 0 && index < list.length; index += step) if (!list[index].hidden) return index;
    return -1;
  };
  grid.addEventListener('keydown', (event) => {
    const cell = cellOf(event);
    if (!cell || event.altKey || event.metaKey) return;
    let [row, column] = place(cell);
    const steps = {
      ArrowUp: () => { row = shownFrom(rows, row - 1, -1); },
      ArrowDown: () => { row = shownFrom(rows, row + 1, 1); },
      ArrowLeft: () => { column = shownFrom(heads, column - 1, -1); },
      ArrowRight: () => { column = shownFrom(heads, column + 1, 1); },
      Home: () => { column = shownFrom(heads, 0, 1); if (event.ctrlKey) row = shownFrom(rows, 0, 1); },
      End: () => {
        column = shownFrom(heads, heads.length - 1, -1);
        if (event.ctrlKey) row = shownFrom(rows, rows.length - 1, -1);
      },
    };
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      pin(cell);
      panel.focus();
    } else if (Object.hasOwn(steps, event.key)) {
      event.preventDefault();
      steps[event.key]();
      if (row >= 0 && column >= 0) at(row, column).focus();
    }
  });

  const fits = (node, end) =>
    ['site', 'role'].every((key) => {
      const wanted = filters.elements[`${end}-${key}`].value;
      return !wanted || node[key] === wanted;
    });
  const apply = () => {
    const only = filters.elements.differences.checked;
    const states = rows.map((row) => [...row.cells].slice(1).map((cell) => bad.has(cell.className.split(' ')[0])));
    const from = nodes.map((node) => fits(node, 'source'));
    const to = nodes.map((node) => fits(node, 'destination'));
    const faulty = rows.map((row) => row.cells[0].classList.contains('faulty'));
    const keepRow = rows.map((_, row) => from[row] && (!only || faulty[row] || states[row].some((is, column) => is && to[column])));
    const keepColumn = heads.map((_, column) => to[column] && (!only || states.some((of, row) => of[column] && from[row])));
    rows.forEach((row, index) => {
      row.hidden = !keepRow[index];
      [...row.cells].slice(1).forEach((cell, column) => { cell.hidden = !keepColumn[column]; });
    });
    heads.forEach((head, column) => { head.hidden = !keepColumn[column]; });
    for (const line of lines) {
      const [source, destination] = line.dataset.pair.split('-').map(Number);
      line.hidden = !(from[source] && to[destination] && (!only || bad.has(line.dataset.state)));
    }
    reports.forEach((report, index) => { report.hidden = !(from[index] && (!only || faulty[index])); });
    const kept = (list) => list.filter(Boolean).length;
    filters.querySelector('output').textContent =
      `${kept(keepRow)} of ${rows.length} sources, ${kept(keepColumn)} of ${heads.length} destinations`;
    ready();
  };
  // One cell is the way in for the keyboard; it must be one that is shown.
  const ready = () => {
    if (chosen && !chosen.hidden && !chosen.parentElement.hidden) return;
    if (chosen) {
      chosen.classList.remove('chosen');
      chosen.tabIndex = -1;
      chosen = null;
      release();
    }
    const row = shownFrom(rows, 0, 1);
    const column = shownFrom(heads, 0, 1);
    for (const cell of grid.querySelectorAll('td[tabindex="0"]')) cell.tabIndex = -1;
    if (row >= 0 && column >= 0) at(row, column).tabIndex = 0;
  };
  filters.addEventListener('input', apply);
  filters.addEventListener('reset', () => { setTimeout(apply); });
  filters.addEventListener('submit', (event) => event.preventDefault());

  // What is closed on the screen is read on paper too.
  addEventListener('beforeprint', () => {
    for (const one of document.querySelectorAll('details')) one.open = true;
  });

  grid.setAttribute('role', 'grid');
  for (const row of rows) {
    row.cells[0].querySelector('a').tabIndex = -1; // the nodes have a table of their own
    for (const cell of [...row.cells].slice(1)) {
      const link = cell.querySelector('a');
      cell.tabIndex = -1;
      if (link) {
        link.tabIndex = -1;
        cell.setAttribute('aria-label', link.getAttribute('aria-label'));
      }
    }
  }
  filters.hidden = false;
  panel.hidden = false;
  panel.classList.add('idle');
  document.getElementById('keys').hidden = false;
  ready();
})();
