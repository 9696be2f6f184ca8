#include "pipelines/recipe_table.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

std::string escaped(const std::string& text) {
    std::string cell;
    for (const char c : text) {
        if (c == '|') cell += '\\';
        cell += c == '\n' ? ' ' : c;
    }
    return cell;
}

std::string markdown_row(const std::vector<std::string>& cells) {
    return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string cell_text(const Json& value, bool percent) {
    if (value.is_null()) return "–";
    if (value.is_string()) return escaped(value.get<std::string>());
    if (!value.is_number()) return escaped(value.dump());
    if (percent) return fmt::format("{:.1f}", 100 * value.get<double>());
    return value.is_number_float() ? fmt::format("{:.4g}", value.get<double>()) : value.dump();
}

}  // namespace

const Json* find_part(const Json& answer, std::string_view path) {
    if (path.empty()) return &answer;
    for (std::size_t end = path.size(); end != std::string_view::npos && end > 0; end = path.rfind('.', end - 1)) {
        const std::string key(path.substr(0, end));
        const Json* part = nullptr;
        if (answer.is_object()) {
            if (const auto found = answer.find(key); found != answer.end()) part = &*found;
        } else if (answer.is_array() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos) {
            const std::size_t index = std::stoul(key);
            if (index < answer.size()) part = &answer[index];
        }
        if (part == nullptr) continue;
        const Json* const found = find_part(*part, end == path.size() ? std::string_view() : path.substr(end + 1));
        if (found != nullptr) return found;
    }
    return nullptr;
}

Json filled_table(const RecipeTable& table, const CellResults& results) {
    Json columns = table.label_heads;
    for (const RecipeTable::Column& column : table.columns) columns.push_back(column.head);
    Json rows = Json::array();
    for (const RecipeTable::Row& row : table.rows) {
        Json cells = row.labels;
        const auto own = results.find(row.cell);
        const bool refused = own != results.end() && !own->second.refused.empty();
        for (const RecipeTable::Entry& entry : row.entries) {
            const auto of = results.find(entry.cell);
            const Json* part = of == results.end() ? nullptr : find_part(of->second.answer, entry.path);
            if (part != nullptr && part->is_object() && part->contains("value")) part = &part->at("value");
            cells.push_back(part == nullptr ? Json() : *part);
        }
        if (refused) cells[row.labels.size()] = "refused: " + own->second.refused;
        rows.push_back(std::move(cells));
    }
    return {{"title", table.title}, {"columns", columns}, {"rows", rows}};
}

std::vector<std::string> empty_columns(const RecipeTable& table, const Json& filled) {
    std::vector<std::string> empty;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const std::size_t at = table.label_heads.size() + i;
        if (std::ranges::all_of(filled["rows"], [&](const Json& row) { return row[at].is_null(); }))
            empty.push_back(table.columns[i].head);
    }
    return empty;
}

std::string table_markdown(const RecipeTable& table, const Json& filled) {
    std::vector<std::string> heads, lines;
    for (const Json& head : filled["columns"]) heads.push_back(escaped(head.get<std::string>()));
    lines.assign(heads.size(), "---");
    std::string text = fmt::format("### {}\n\n", table.title) + markdown_row(heads) + markdown_row(lines);
    for (const Json& row : filled["rows"]) {
        std::vector<std::string> cells;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::size_t labels = table.label_heads.size();
            cells.push_back(cell_text(row[i], i >= labels && table.columns[i - labels].percent));
        }
        text += markdown_row(cells);
    }
    return text;
}

}  // namespace nepenthe::pipelines
