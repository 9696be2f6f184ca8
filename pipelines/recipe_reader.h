#pragma once
// How a recipe is read: stages as they are written, their references, and the cells and tables that they are set out
// in.

#include "base/error.h"
#include "base/json.h"
#include "pipelines/recipe.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

// A stage as it is written, before it is set out in cells.
struct StageTemplate {
    RecipeStage stage;
    std::vector<std::string> options_of;  // axes whose members are options
    std::vector<std::string> axes;        // that it runs over
};

// "label=@stage[*]" taken apart.
struct StageReference {
    std::string prefix;  // "label=", or ""
    std::string stage;
    bool all = false;
    std::string path;  // of keys in the answer; "" is the artefact
};

// Reads one recipe. Stages are added in their order, tables after them; everything that is wrong is added to
// `problems`.
class RecipeReader {
  public:
    RecipeReader(std::map<std::string, std::string> variables, std::vector<RecipeAxis> axes, Problems& problems);

    // `index` counts from 0, for messages.
    void add_stage(const Json& written, std::size_t index);
    void add_tables(const Json& written);
    // Problems with axes over which no stage runs.
    void check_axes();

    std::vector<RecipeStage> cells;
    std::vector<RecipeTable> tables;
    std::map<std::string, std::string> slurm;  // for stages that are added from here on

  private:
    const StageTemplate* find(std::string_view stage) const;
    // Nothing for a text that refers to no stage; one that there is not is for resolved() to tell.
    std::optional<StageReference> reference_in(const std::string& text) const;
    StageTemplate read_template(const Json& written, std::size_t index);
    std::vector<std::string> axes_of(const StageTemplate& read) const;
    void add_table(const Json& written, const std::string& where);
    std::optional<RecipeTable::Entry> entry_at(const std::string& path, const std::string& own_cell, const Place& place,
                                               const std::string& where);

    Place place_of(const StageTemplate& stage, const Place& place) const;
    std::string substituted(const std::string& text, const Place& place, Problems& found) const;
    Json resolved(const Json& written, const Place& place, Problems& found) const;
    RecipeStage cell_at(const StageTemplate& read, const Place& place, Problems& found) const;
    void set_out(const StageTemplate& read);

    std::map<std::string, std::string> variables_;
    std::vector<RecipeAxis> axes_;
    Problems& problems_;
    std::vector<StageTemplate> templates_;
};

}  // namespace nepenthe::pipelines
