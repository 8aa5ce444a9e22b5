"use strict";
// Gives the static charts zoom, values under the pointer and a legend to click.
(() => {
  const { arrays, plots } = JSON.parse(document.getElementById("plots").textContent);
  const root = document.documentElement;

  const decoded = arrays.map((text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return Array.from(new Float32Array(bytes.buffer), (value) => (Number.isNaN(value) ? null : value));
  });

  // A probe resolves the style sheet's colours, which differ by theme.
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const color = (name, share = 100) => {
    probe.style.color = `color-mix(in srgb, var(${name}) ${share}%, transparent)`;
    return getComputedStyle(probe).color;
  };
  const looks = { reference: "--reference", meta: "--meta", mean: "--ink", band0: "--soft" };
  const ofLook = (look) => { const name = look.split(" ")[0]; return looks[name] || `--${name}`; };

  const label = (value) => String(+value.toFixed(6)).replace("-", "−");
  const text = (digits) => (_, value) => (value == null ? "–" : value.toFixed(digits).replace("-", "−"));
  const dashes = (look) => (look.startsWith("meta") ? [2, 3] : /reference|dashed/.test(look) ? [5, 3] : undefined);

  function shape(series, dense) {
    const name = ofLook(series.look);
    const line = { stroke: color(name, series.look.includes("soft") ? 38 : 100), width: series.look.includes("reference") ? 1.4 : 1.7, dash: dashes(series.look), points: { show: false } };
    if (series.kind === "bars") return { ...line, width: 0, fill: color(name, series.look.includes("soft") ? 55 : 100), paths: uPlot.paths.bars({ size: [dense ? 1 : 0.8, Infinity] }) };
    if (series.kind === "area") return { ...line, width: 1.3, fill: color(name, 14), fillTo: 0 };
    if (series.kind === "dots") return { ...line, paths: () => null, points: { show: true, size: 9, fill: color(name), stroke: color(name) } };
    return line;
  }

  // Backgrounds of folds and purged eras, below everything else.
  const drawSpans = (plot) => (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const [low, high, kind, label] of plot.spans) {
      const left = u.valToPos(low, "x", true), right = u.valToPos(high, "x", true);
      if (kind !== "plain") {
        ctx.fillStyle = kind === "fold" ? color("--soft", 7.5) : color("--m5", 11);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.fillStyle = color("--soft");
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = "center";
      ctx.fillText(label, (left + right) / 2, bbox.top + 13 * devicePixelRatio);
    }
    ctx.restore();
  };

  const drawZero = (u) => {
    const { ctx, bbox } = u, y = Math.round(u.valToPos(0, "y", true));
    if (y < bbox.top || y > bbox.top + bbox.height) return;
    ctx.fillStyle = color("--zero");
    ctx.fillRect(bbox.left, y, bbox.width, devicePixelRatio);
  };

  function options(plot, width) {
    const axis = { stroke: color("--soft"), font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: color("--grid"), width: 1 } };
    const series = [{ label: plot.name, value: text(plot.name === "era" ? 0 : 2) }];
    const bands = [];
    for (const each of plot.series) {
      if (each.kind === "band") {
        const quiet = { stroke: "transparent", width: 0, points: { show: false } };
        bands.push({ series: [series.length + 1, series.length], fill: color(ofLook(each.look), 14) });
        series.push({ ...quiet, label: each.label, value: text(plot.digits), swatch: color(ofLook(each.look), 25) }, { ...quiet });
      } else {
        series.push({ label: each.label, swatch: color(ofLook(each.look), each.look.includes("soft") ? 50 : 100), value: text(plot.digits), ...shape(each, plot.dense) });
      }
    }
    const narrow = width < 560;
    const heights = columns(plot).slice(1).flat().filter((value) => value != null);
    const all = [heights.reduce((a, b) => Math.min(a, b), Infinity), heights.reduce((a, b) => Math.max(a, b), -Infinity)];
    return {
      width, height: plot.height + 36, series, bands,
      padding: [6, narrow ? 10 : 14, 0, 0],
      scales: { x: { time: false, range: (u, low, high) => (low === u.data[0][0] && high === u.data[0].at(-1) ? plot.range : [low, high]) }, y: { range: (u, low, high) => ranged(plot, all, low, high) } },
      axes: [
        { ...axis, grid: { show: false }, ...(plot.counted ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] } : {}), space: narrow ? 70 : 90, size: 34, values: (u, ticks) => ticks.map(label) },
        { ...axis, size: narrow ? 44 : 52, space: 36, values: (u, ticks) => ticks.map(label) },
      ],
      legend: { markers: { width: 0, fill: (u, place) => u.series[place].swatch } },
      cursor: { y: false, drag: { x: true, y: false, dist: 4 }, points: { size: 6 }, ...(plot.name === "era" ? { sync: together(plot) } : {}) },
      hooks: { drawClear: [drawSpans(plot)], drawAxes: [drawZero] },
    };
  }

  // Charts of the same eras zoom together.
  function together(plot) {
    return { key: `eras from ${decoded[plot.x][0]}`, scales: ["x", null] };
  }

  // The heights of the static chart while all is shown; a part fills the chart.
  function ranged(plot, all, low, high) {
    if (low == null || (low === all[0] && high === all[1])) return plot.up;
    const margin = (high - low || 1) * 0.06;
    const ends = [low - margin, high + margin];
    const hasZero = plot.series.some((series) => series.kind === "bars" || series.kind === "area");
    return hasZero ? [Math.min(ends[0], 0), Math.max(ends[1], 0)] : ends;
  }

  function columns(plot) {
    const found = [decoded[plot.x]];
    for (const series of plot.series) {
      found.push(decoded[series.y]);
      if (series.kind === "band") found.push(decoded[series.high]);
    }
    return found;
  }

  function start(figure) {
    const plot = plots[figure.dataset.plot];
    const width = figure.clientWidth;
    figure.live = new uPlot(options(plot, width), columns(plot), figure);
    // The legend leaves out what has no name, such as the ends of a band.
    const names = [plot.name, ...plot.series.flatMap((series) => (series.kind === "band" ? [series.label, ""] : [series.label]))];
    const rows = figure.querySelectorAll(".u-legend .u-series");
    names.forEach((name, place) => { if (!name) rows[place].style.display = "none"; });
    figure.classList.add("live");
  }

  const figures = [...document.querySelectorAll("figure[data-plot]")];
  const restart = () => figures.filter((figure) => figure.live).forEach((figure) => { figure.live.destroy(); start(figure); });
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.live && target.live.width !== target.clientWidth) target.live.setSize({ width: target.clientWidth, height: target.live.height });
    }
  });
  figures.forEach((figure) => { start(figure); resized.observe(figure); });

  const isDark = matchMedia("(prefers-color-scheme: dark)");
  isDark.addEventListener("change", restart);
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = root.dataset.theme || (isDark.matches ? "dark" : "light");
    root.dataset.theme = shown === "dark" ? "light" : "dark";
    restart();
  });

  if (matchMedia("(max-width: 1000px)").matches) document.querySelector("nav details").open = false;
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) links.get(target.id).classList.toggle("here", isIntersecting);
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("section").forEach((section) => seen.observe(section));
})();
