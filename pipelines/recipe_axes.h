#pragma once
// The axes of a recipe: values that stages run over, a cell for each combination.
//
//   "for": [{"alpha": [5, 10]}, {"rule": [{"name": "soft", "targets": "soft"}, {"name": "hard", "targets": "hard"}]}]
//
// A value is text, a number, true or false, or an object with a "name" and members. "${alpha}" stands for the value (of
// an object: its name), "${rule.targets}" for a member. A stage runs over the axes that its options name, and over
// those of the stages that it names.

#include "base/error.h"
#include "base/json.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nepenthe::pipelines {

struct AxisValue {
    std::string label;              // how cells and tables call it
    Json members = Json::object();  // of an object, without "name"
};

struct RecipeAxis {
    std::string name;
    std::vector<AxisValue> values;
};

// One value of each of some axes, by name.
using Place = std::map<std::string, const AxisValue*>;

// In the order of the recipe. Problems are those of the file.
std::vector<RecipeAxis> read_axes(const Json& written, Problems& problems);

// Which of `axes` the strings of `options` name as "${axis}" or "${axis.member}".
std::vector<std::string> axes_named(const std::vector<RecipeAxis>& axes, const Json& options);

// Every combination of the axes that `names` has, the last axis fastest; one empty place for none.
std::vector<Place> places(const std::vector<RecipeAxis>& axes, const std::vector<std::string>& names);

// "${axis}" and "${axis.member}" for substitute_variables.
std::map<std::string, std::string> place_variables(const Place& place);

// "forgot[alpha=5, rule=soft]", "forgot" without axes; the axes in the order of the recipe.
std::string cell_name(const std::string& stage, const std::vector<RecipeAxis>& axes, const Place& place);
// "forgot 5 soft".
std::string cell_label(const std::string& stage, const std::vector<RecipeAxis>& axes, const Place& place);

}  // namespace nepenthe::pipelines
