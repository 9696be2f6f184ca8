#include "pipelines/recipe_axes.h"

#include "base/contains.h"
#include "pipelines/written_options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace nepenthe::pipelines {

namespace {

bool is_scalar(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }

std::string scalar_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Cells' names hold labels, and lists of models hold cells' names.
bool is_label(const std::string& text) { return !text.empty() && text.find_first_of("=[],@\"\n") == std::string::npos; }

AxisValue read_value(const std::string& axis, const Json& written, Problems& problems) {
    AxisValue value;
    if (written.is_object()) {
        if (!written.contains("name") || !written["name"].is_string()) {
            problems.add("\"for\", \"{}\": an object needs a \"name\"", axis);
            return value;
        }
        value.label = written["name"].get<std::string>();
        Json members = written;
        members.erase("name");
        Problems found;
        check_written_options(members, fmt::format("\"for\", \"{}\", \"{}\"", axis, value.label), "run", found);
        if (found.empty()) value.members = std::move(members);
        problems.add_all(found);
    } else if (is_scalar(written)) {
        value.label = scalar_text(written);
    } else {
        problems.add("\"for\", \"{}\": a value is text, a number, true, false or an object with a \"name\"", axis);
        return value;
    }
    if (!is_label(value.label))
        problems.add("\"for\", \"{}\": \"{}\" names no cell: it is empty, or has one of = [ ] , @ in it", axis,
                     value.label);
    return value;
}

}  // namespace

std::vector<RecipeAxis> read_axes(const Json& written, Problems& problems) {
    std::vector<RecipeAxis> axes;
    if (!written.is_array()) {
        problems.add("\"for\" is no list of objects, each with one axis: [{{\"alpha\": [5, 10]}}, …]");
        return axes;
    }
    std::set<std::string> names;
    for (const Json& entry : written) {
        if (!entry.is_object() || entry.size() != 1 || !entry.front().is_array() || entry.front().empty()) {
            problems.add("\"for\": {} is no object with one axis and a list of values", entry.dump());
            continue;
        }
        RecipeAxis axis;
        axis.name = entry.begin().key();
        if (axis.name.empty() || axis.name.find_first_of(".}=") != std::string::npos ||
            !names.insert(axis.name).second) {
            problems.add("\"for\": \"{}\" names no axis: it is empty, there twice, or has one of . }} = in it",
                         axis.name);
            continue;
        }
        std::set<std::string> labels;
        for (const Json& value : entry.front()) {
            axis.values.push_back(read_value(axis.name, value, problems));
            if (!labels.insert(axis.values.back().label).second)
                problems.add("\"for\", \"{}\": \"{}\" is there twice", axis.name, axis.values.back().label);
        }
        axes.push_back(std::move(axis));
    }
    return axes;
}

std::vector<std::string> axes_named(const std::vector<RecipeAxis>& axes, const Json& options) {
    std::set<std::string> named;
    Json copy = options;
    for_each_string(copy, [&](std::string& text) {
        for (const RecipeAxis& axis : axes) {
            if (text.find("${" + axis.name + "}") != std::string::npos ||
                text.find("${" + axis.name + ".") != std::string::npos)
                named.insert(axis.name);
        }
    });
    return {named.begin(), named.end()};
}

std::vector<Place> places(const std::vector<RecipeAxis>& axes, const std::vector<std::string>& names) {
    std::vector<Place> all(1);
    for (const RecipeAxis& axis : axes) {
        if (!contains(names, axis.name)) continue;
        std::vector<Place> longer;
        for (const Place& place : all) {
            for (const AxisValue& value : axis.values) {
                longer.push_back(place);
                longer.back()[axis.name] = &value;
            }
        }
        all = std::move(longer);
    }
    return all;
}

std::map<std::string, std::string> place_variables(const Place& place) {
    std::map<std::string, std::string> variables;
    for (const auto& [axis, value] : place) {
        variables[axis] = value->label;
        for (const auto& [member, written] : value->members.items()) {
            if (is_scalar(written)) variables[axis + "." + member] = scalar_text(written);
        }
    }
    return variables;
}

std::string cell_name(const std::string& stage, const std::vector<RecipeAxis>& axes, const Place& place) {
    std::vector<std::string> parts;
    for (const RecipeAxis& axis : axes) {
        if (const auto found = place.find(axis.name); found != place.end())
            parts.push_back(axis.name + "=" + found->second->label);
    }
    return parts.empty() ? stage : fmt::format("{}[{}]", stage, fmt::join(parts, ", "));
}

std::string cell_label(const std::string& stage, const std::vector<RecipeAxis>& axes, const Place& place) {
    std::string label = stage;
    for (const RecipeAxis& axis : axes) {
        if (const auto found = place.find(axis.name); found != place.end()) label += " " + found->second->label;
    }
    return label;
}

}  // namespace nepenthe::pipelines
