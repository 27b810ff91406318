// What every page has alike: style, script and policy. The policy names the hashes of both, so that
// nothing else runs, whatever a name holds; tests/cli/test_report.py says the new ones when they
// are changed. Dark and light follow the reader's system; colours have a contrast of at least 4.5.
#include "report/html_parts.hpp"

namespace octet::report::html {

const std::string_view kStyle = R"css(
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--quiet:#57606a;--line:#d0d7de;--accent:#0550ae;--good:#116329;--bad:#b42318;--before:#8c959f}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--quiet:#9da7b3;--line:#30363d;--accent:#79c0ff;--good:#56d364;--bad:#ff9086;--before:#6e7681}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:76rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2rem 0 .5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.5rem;margin:0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:.5rem 0}svg{width:100%;max-width:56rem;height:auto;display:block}figcaption,footer{color:var(--quiet)}
svg text{fill:var(--ink);font-size:12px}.middle{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--line);fill:none}.line{stroke:var(--accent);fill:none;stroke-width:1.5}.line1{stroke-dasharray:8 4}.line2{stroke-dasharray:2 4}.line3{stroke-dasharray:8 4 2 4}
.point{fill:var(--accent);fill-opacity:.6}.point:hover{fill-opacity:1;stroke:var(--ink)}.chosen{fill:var(--bad);stroke:var(--paper);stroke-width:1.5}
.before{fill:var(--before)}.after{fill:var(--accent)}
[class^=heat]{stroke:var(--line)}.heat0{fill:#00204c}.heat1{fill:#414d6b}.heat2{fill:#7c7b78}.heat3{fill:#b9ac70}.heat4{fill:#ffe945}
table{border-collapse:collapse;font-size:.875rem}caption{text-align:left;color:var(--quiet);padding:.25rem 0}
th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}
tbody th{font-weight:400;font-family:ui-monospace,monospace;overflow-wrap:anywhere;min-width:8rem}
#tensors tbody th{min-width:18rem}.numbers td,.numbers thead th+th,#tensors thead .number{text-align:right}#tensors td:nth-child(n+6){text-align:right}#tensors td{white-space:nowrap}#tensors td.note{text-align:left;white-space:normal;min-width:16rem}td{font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}thead button{all:unset;cursor:pointer;font-weight:700;white-space:nowrap}
[aria-sort=ascending] button::after{content:" \25B2"}[aria-sort=descending] button::after{content:" \25BC"}
:focus-visible,thead button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
input{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--quiet);padding:.2rem .5rem}
.passed{color:var(--good);font-weight:700}.failed{color:var(--bad);font-weight:700}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}a{color:var(--accent)}
@media print{body{max-width:none;padding:0;font-size:11px}#filter,.skip{display:none}.wide{overflow:visible}figure,tr{break-inside:avoid}}
)css";

const std::string_view kScript = R"script(
"use strict";
(function () {
  var table = document.getElementById("tensors");
  if (!table) return;
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  function key(row, column, isNumber) {
    var text = row.cells[column].textContent;
    if (!isNumber) return text;
    if (text === "") return null;
    if (text === "inf") return Infinity;
    if (text === "-inf" || text === "nan") return -Infinity;
    return Number(text.replace(/,/g, ""));
  }
  function compare(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function sort(column) {
    var head = heads[column];
    var isNumber = head.className === "number";
    var down = head.getAttribute("aria-sort") === "ascending";
    var keyed = rows.map(function (row, i) {
      return { row: row, key: key(row, column, isNumber), place: i };
    });
    keyed.sort(function (a, b) {
      if (a.key === null || b.key === null) {
        return (a.key === null) - (b.key === null) || a.place - b.place;
      }
      return (down ? compare(b.key, a.key) : compare(a.key, b.key)) || a.place - b.place;
    });
    keyed.forEach(function (one) { body.appendChild(one.row); });
    heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", function () { sort(column); });
  });
  var words = document.getElementById("words");
  var shown = document.getElementById("shown");
  function filter() {
    var wanted = words.value.toLowerCase().split(/\s+/);
    var count = 0;
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !wanted.every(function (word) { return text.indexOf(word) >= 0; });
      if (!row.hidden) count += 1;
    });
    shown.textContent = count + " of " + rows.length + " shown";
  }
  words.addEventListener("input", filter);
  filter();
  document.getElementById("filter").hidden = false;
})();
)script";

const std::string_view kPolicy =
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "style-src 'sha256-78D+TAFGELKljxP2XeCPUsWDuSbiCaPPgXmkIeeltAo='; "
    "script-src 'sha256-ohV1fVSzdTxiTzd2hKVr9QO9UKJXhB6GOc/GjHpgcFA='";

}  // namespace octet::report::html
