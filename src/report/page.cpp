#include "report/page.h"

#include "base/error.h"
#include "report/svg.h"

#include <fmt/format.h>

namespace nepenthe::report {

namespace {

constexpr const char* kStyle =
    "body{font-family:sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}"
    "td,th{border-bottom:1px solid #ddd;padding:.25em .7em;text-align:left;vertical-align:top}"
    "td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "figure{margin:1em 0;overflow-x:auto}";

std::string table_row(const char* tag, const std::vector<std::string>& cells, std::size_t numbers_from) {
    std::string row = "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
        row += fmt::format("<{0}{1}>{2}</{0}>", tag, i >= numbers_from ? " class=\"number\"" : "",
                           escape_markup(cells[i]));
    }
    return row + "</tr>\n";
}

}  // namespace

Page::Page(std::string_view title) : title_(title) {}

void Page::heading(std::string_view text) { body_ += fmt::format("<h2>{}</h2>\n", escape_markup(text)); }

void Page::paragraph(std::string_view text) { body_ += fmt::format("<p>{}</p>\n", escape_markup(text)); }

void Page::table(const std::vector<std::string>& columns, const std::vector<std::vector<std::string>>& rows,
                 std::size_t numbers_from) {
    body_ += "<table>\n<thead>" + table_row("th", columns, numbers_from) + "</thead>\n<tbody>\n";
    for (const std::vector<std::string>& row : rows) {
        NEPENTHE_CHECK(row.size() == columns.size());
        body_ += table_row("td", row, numbers_from);
    }
    body_ += "</tbody>\n</table>\n";
}

void Page::figure(std::string_view svg) { body_ += fmt::format("<figure>\n{}</figure>\n", svg); }

std::string Page::finish() const {
    const std::string title = escape_markup(title_);
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n"
        "<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n{}</body>\n</html>\n",
        title, kStyle, title, body_);
}

}  // namespace nepenthe::report
