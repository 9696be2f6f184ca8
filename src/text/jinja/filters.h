#pragma once
// Filters by their kind, each in a file of its own; find_filter() (evaluator.h) asks all.

#include "text/jinja/evaluator.h"

#include <span>

namespace nepenthe::text::jinja {

struct FilterRow {
    std::string_view name;
    Filter function;
};
std::span<const FilterRow> text_filters();
std::span<const FilterRow> number_filters();
std::span<const FilterRow> sequence_filters();

// Arguments of a filter by place and name; none counts as given.
struct FilterCall {
    Evaluator& evaluator;
    const Arguments& given;

    Budget& budget() const { return evaluator.budget(); }
    std::int64_t integer(std::size_t place, std::string_view name, std::int64_t otherwise) const {
        const Value* found = given.find(place, name);
        return found ? integer_of(*found, fmt::format("\"{}\"", name)) : otherwise;
    }
    bool flag(std::size_t place, std::string_view name) const {
        const Value* found = given.find(place, name);
        return found && truth(*found);
    }
    std::string text(std::size_t place, std::string_view name, std::string_view otherwise) const {
        const Value* found = given.find(place, name);
        return found ? text_of(*found, fmt::format("\"{}\"", name)) : std::string(otherwise);
    }
};

}  // namespace nepenthe::text::jinja
