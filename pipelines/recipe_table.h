#pragma once
// Tables at the end of a recipe: a row for every cell of some stages, columns of what they answered.
//
//   {"title": "Forgetting and what must stay", "of": ["before", "measured"],
//    "columns": [{"familiarity": "results.familiarity_probability.content_mass"},
//                {"HellaSwag, %": {"value": "results.hellaswag.acc_norm", "percent": true}},
//                {"labels = text": "@labels.summary.alpha.${alpha}.agrees_with_text"}]}
//
// A path's keys are joined by "."; a key may hold points itself. What has a "value" (a metric with its interval) stands
// for that. "@stage." begins a path into the answer of the cell of another stage at the row's place.

#include "base/error.h"
#include "base/json.h"
#include "pipelines/recipe_axes.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

// What a cell left behind.
struct CellResult {
    std::filesystem::path artefact;  // empty: it makes none
    Json answer = Json::object();
    std::string refused;  // why it has no answer
};
using CellResults = std::map<std::string, CellResult>;

struct RecipeTable {
    struct Column {
        std::string head;
        bool percent = false;
    };
    struct Entry {
        std::string cell;  // whose answer; empty: there is none
        std::string path;
    };
    struct Row {
        std::string cell;  // the row's own
        std::vector<std::string> labels;
        std::vector<Entry> entries;  // one a column
    };
    std::string title;
    std::vector<std::string> label_heads;
    std::vector<Column> columns;
    std::vector<Row> rows;
};

// A part of an answer by its path; nullptr where there is none. Of several readings of a path with points in its keys,
// the one with the longest first keys.
const Json* find_part(const Json& answer, std::string_view path);

// {"title", "columns": [name, …], "rows": [[text or number, …], …]}; what a cell has not is null, a refusal is text in
// the first column.
Json filled_table(const RecipeTable& table, const CellResults& results);
// Columns of which no cell of a filled table has anything, refusals apart: most likely a path that is written wrong.
std::vector<std::string> empty_columns(const RecipeTable& table, const Json& filled);
// The same in Markdown.
std::string table_markdown(const RecipeTable& table, const Json& filled);

}  // namespace nepenthe::pipelines
