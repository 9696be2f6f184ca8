// A stage set out in its cells.

#include "pipelines/recipe_reader.h"
#include "pipelines/written_options.h"

#include <algorithm>
#include <set>

namespace nepenthe::pipelines {

namespace {

// The list that a text as a whole names: "${rule.layers}". nullptr for any other text.
const Json* member_list(const std::string& text, const Place& place) {
    for (const auto& [axis, value] : place) {
        const std::string begin = fmt::format("${{{}.", axis);
        if (!text.starts_with(begin) || !text.ends_with("}")) continue;
        const auto member = value->members.find(text.substr(begin.size(), text.size() - begin.size() - 1));
        if (member != value->members.end() && member->is_array()) return &*member;
    }
    return nullptr;
}

}  // namespace

// Where another stage's cell lies that has this place's values; fewer axes than it runs over, if this place has not
// all.
Place RecipeReader::place_of(const StageTemplate& stage, const Place& place) const {
    Place there;
    for (const std::string& axis : stage.axes) {
        if (const auto at = place.find(axis); at != place.end()) there.insert(*at);
    }
    return there;
}

std::string RecipeReader::substituted(const std::string& text, const Place& place, Problems& found) const {
    std::map<std::string, std::string> all = place_variables(place);
    all.insert(variables_.begin(), variables_.end());
    Json written = text;
    substitute_variables(written, all, found);
    return written.get<std::string>();
}

// Options of a cell: variables are filled in, references become objects; {"all": […]} for every cell of a stage.
Json RecipeReader::resolved(const Json& written, const Place& place, Problems& found) const {
    if (!written.is_string()) return written;
    const auto& text = written.get_ref<const std::string&>();
    const auto reference = reference_in(text);
    if (!reference) {
        const Json* const list = member_list(text, place);
        return list != nullptr ? *list : Json(substituted(text, place, found));
    }
    const StageTemplate* const named = find(reference->stage);
    if (named == nullptr) {
        found.add("\"{}\" names no earlier stage", text);
        return written;
    }
    if (!reference->all) {
        return {{"cell", cell_name(reference->stage, axes_, place_of(*named, place))},
                {"prefix", substituted(reference->prefix, place, found)},
                {"path", substituted(reference->path, place, found)}};
    }
    Json entries = Json::array();
    for (const Place& there : places(axes_, named->axes)) {
        const bool same = std::ranges::all_of(there, [&](const auto& at) {
            const auto here = place.find(at.first);
            return here == place.end() || here->second == at.second;
        });
        if (!same) continue;
        const bool labelled = reference->prefix == "=";
        entries.push_back({{"cell", cell_name(reference->stage, axes_, there)},
                           {"prefix", labelled ? cell_label(reference->stage, axes_, there) + "=" : reference->prefix},
                           {"path", ""}});
    }
    return {{"all", entries}};
}

RecipeStage RecipeReader::cell_at(const StageTemplate& read, const Place& place, Problems& found) const {
    RecipeStage cell = read.stage;
    cell.name = cell_name(read.stage.stage, axes_, place);
    for (const auto& [axis, value] : place) cell.labels[axis] = value->label;
    for (auto& [option, value] : cell.slurm) value = substituted(value, place, found);
    for (const std::string& axis : read.options_of) {
        for (const auto& [name, value] : place.at(axis)->members.items()) {
            if (cell.options.contains(name)) found.add("\"{}\" is an option of the stage and of \"{}\"", name, axis);
            cell.options[name] = value;
        }
    }
    const auto note = [&](const std::string& option, const Json& reference) {
        cell.needs.insert(reference["cell"].get<std::string>());
        if (!reference["path"].get_ref<const std::string&>().empty()) cell.answered.insert(option);
    };
    for (auto& [option, value] : cell.options.items()) {
        if (!value.is_array()) {
            Json done = resolved(value, place, found);
            if (done.is_object() && done.contains("all"))
                found.add("{} is many: write it as an entry of a list", value.dump());
            else if (done.is_object())
                note(option, done);
            value = std::move(done);
            continue;
        }
        Json entries = Json::array();
        for (const Json& entry : value) {
            const Json done = resolved(entry, place, found);
            if (done.is_object() && done.contains("all")) {
                for (const Json& each : done["all"]) entries.push_back(each);
            } else if (done.is_array()) {
                for (const Json& each : done) entries.push_back(each);
            } else {
                entries.push_back(done);
            }
        }
        for (const Json& entry : entries) {
            if (entry.is_object()) note(option, entry);
        }
        value = std::move(entries);
    }
    return cell;
}

// What is wrong is told once, however many cells have it.
void RecipeReader::set_out(const StageTemplate& read) {
    std::set<std::string> told;
    for (const Place& place : places(axes_, read.axes)) {
        Problems found;
        cells.push_back(cell_at(read, place, found));
        for (const std::string& problem : found.items()) {
            if (told.insert(problem).second) problems_.add("stage \"{}\": {}", read.stage.stage, problem);
        }
    }
}

}  // namespace nepenthe::pipelines
