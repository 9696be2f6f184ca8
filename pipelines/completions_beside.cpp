#include "pipelines/completions_beside.h"

#include "io/text.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kPrompts = 6;
constexpr std::size_t kCharacters = 110;

// On one line: line breaks become a sign, other control characters blanks; long texts are cut.
std::string one_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
        if (c == '\n') {
            line += "⏎";
        } else {
            line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
        }
    }
    const std::size_t end = io::bytes_of_code_points(line, kCharacters);
    return end < line.size() ? line.substr(0, end) + "…" : line;
}

std::string reasons(const Json& row) {
    std::vector<std::string> names;
    for (const char* name : {"loops", "digits", "markup", "stops"}) {
        if (row.value(std::string("degenerate_") + name, 0) == 1) names.emplace_back(name);
    }
    return names.empty() ? "" : fmt::format("  [{}]", fmt::join(names, ", "));
}

}  // namespace

std::string completions_beside(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models) {
    struct Column {
        std::string name;
        const std::vector<Json>* rows;
    };
    std::vector<Column> columns;
    std::size_t width = 0;
    for (const auto* list : {&earlier, &models}) {
        for (const NamedResults& model : *list) {
            const auto task = std::ranges::find(model.results, "fluency", &evaluate::TaskResult::task);
            if (task == model.results.end()) continue;
            columns.push_back({model.name, &task->items});
            width = std::max(width, io::count_code_points(model.name));
        }
    }
    if (columns.empty()) return "";
    const std::vector<Json>& first = *columns.front().rows;
    const std::size_t shown = std::min(kPrompts, first.size());
    std::string text = fmt::format("\ncompletions of {} of {} prompts (all of them: items-MODEL-fluency.jsonl)\n",
                                   shown, first.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const std::size_t item = i * first.size() / shown;
        text += one_line(first[item].at("prompt").get<std::string>()) + "\n";
        for (const Column& column : columns) {
            if (item >= column.rows->size()) continue;
            const Json& row = (*column.rows)[item];
            text += "  " + column.name + std::string(width + 2 - io::count_code_points(column.name), ' ') +
                    one_line(row.at("completion").get<std::string>()) + reasons(row) + "\n";
        }
    }
    return text;
}

}  // namespace nepenthe::pipelines
