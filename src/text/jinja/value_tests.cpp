// What may stand behind "is", and the tests that filters take by name.

#include "text/jinja/characters.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

#include <algorithm>
#include <array>

namespace nepenthe::text::jinja {

namespace {

// Holds for a value alone.
template <bool (*kHolds)(const Value&)>
bool plain_test(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("the test", {});
    return kHolds(value);
}

const Value& operand(const Arguments& given) {
    given.expect("the test", {""});
    const Value* found = given.find(0, "");
    if (!found) fail(ErrorKind::kData, "the test needs a value to compare with");
    return *found;
}

template <Comparison kComparison>
bool comparison_test(Evaluator& evaluator, const Value& value, const Arguments& given) {
    return compare(kComparison, value, operand(given), evaluator.budget());
}

bool is_integer(const Value& value) { return value.is<std::int64_t>(); }
bool is_number(const Value& value) { return is_integer(value) || value.is<bool>() || value.is<double>(); }
bool is_mapping(const Value& value) { return value.is<Dict>(); }
bool is_iterable(const Value& value) {
    return value.is<Text>() || value.is<Sequence>() || value.is<Dict>() || value.is<Generator>() ||
           value.is<Undefined>() || value.is<Loop*>();
}
bool is_sequence(const Value& value) {
    const auto* items = value.as<Sequence>();
    return value.is<Text>() || value.is<Dict>() || value.is<Undefined>() ||
           (items && items->kind <= SequenceKind::kRange);
}
bool is_callable(const Value& value) {
    return value.is<std::shared_ptr<const Callable>>() || value.is<Loop*>() || value.is<Undefined>();
}
bool is_true(const Value& value) { return value.is<bool>() && truth(value); }
bool is_false(const Value& value) { return value.is<bool>() && !truth(value); }
bool is_escaped(const Value& value) { return value.is<Text>() && value.as<Text>()->safe; }
template <typename T>
bool holds(const Value& value) {
    return value.is<T>();
}
bool is_defined(const Value& value) { return !value.is<Undefined>(); }

// What is left of it, divided by a number: 0.5 is neither odd nor even, and a string is a format.
Value rest_of(Evaluator& evaluator, const Value& value, const Value& divisor) {
    return binary(Operator::kModulo, value, divisor, evaluator.budget());
}

template <std::int64_t kRest>
bool rest_of_two(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("the test", {});
    const Value two{std::int64_t{2}}, rest{kRest};
    return equal(rest_of(evaluator, value, two), rest, evaluator.budget());
}

template <bool (*kWanted)(char32_t), bool (*kOther)(char32_t)>
bool has_case(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("the test", {});
    const auto all = code_points(str(value, evaluator.budget()));
    return std::ranges::any_of(all, kWanted) && std::ranges::none_of(all, kOther);
}

bool divisible_by(Evaluator& evaluator, const Value& value, const Arguments& given) {
    return equal(rest_of(evaluator, value, operand(given)), {std::int64_t{0}}, evaluator.budget());
}

bool same_as(Evaluator& evaluator, const Value& value, const Arguments& given) {
    const Value& other = operand(given);
    const auto single = [](const Value& one) { return one.is<None>() || one.is<bool>(); };
    if (!single(value) && !single(other)) fail(ErrorKind::kData, "\"sameas\" is supported for none, true and false");
    return value.data.index() == other.data.index() && equal(value, other, evaluator.budget());
}

template <bool kFilter>
bool names_known(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("the test", {});
    const std::string* name = text_if(value);
    return name && (kFilter ? find_filter(*name) != nullptr : find_test(*name) != nullptr);
}

struct TestRow {
    std::string_view name;
    Test function;
};
constexpr TestRow kTests[] = {
    {"boolean", plain_test<holds<bool>>},
    {"callable", plain_test<is_callable>},
    {"defined", plain_test<is_defined>},
    {"divisibleby", divisible_by},
    {"escaped", plain_test<is_escaped>},
    {"even", rest_of_two<0>},
    {"false", plain_test<is_false>},
    {"filter", names_known<true>},
    {"float", plain_test<holds<double>>},
    {"integer", plain_test<is_integer>},
    {"iterable", plain_test<is_iterable>},
    {"lower", has_case<is_lower, is_upper>},
    {"mapping", plain_test<is_mapping>},
    {"none", plain_test<holds<None>>},
    {"number", plain_test<is_number>},
    {"odd", rest_of_two<1>},
    {"sameas", same_as},
    {"sequence", plain_test<is_sequence>},
    {"string", plain_test<holds<Text>>},
    {"test", names_known<false>},
    {"true", plain_test<is_true>},
    {"undefined", plain_test<holds<Undefined>>},
    {"upper", has_case<is_upper, is_lower>},
    {"in", comparison_test<Comparison::kIn>},
    {"==", comparison_test<Comparison::kEqual>},
    {"eq", comparison_test<Comparison::kEqual>},
    {"equalto", comparison_test<Comparison::kEqual>},
    {"!=", comparison_test<Comparison::kNotEqual>},
    {"ne", comparison_test<Comparison::kNotEqual>},
    {">", comparison_test<Comparison::kGreater>},
    {"gt", comparison_test<Comparison::kGreater>},
    {"greaterthan", comparison_test<Comparison::kGreater>},
    {">=", comparison_test<Comparison::kGreaterOrEqual>},
    {"ge", comparison_test<Comparison::kGreaterOrEqual>},
    {"<", comparison_test<Comparison::kLess>},
    {"lt", comparison_test<Comparison::kLess>},
    {"lessthan", comparison_test<Comparison::kLess>},
    {"<=", comparison_test<Comparison::kLessOrEqual>},
    {"le", comparison_test<Comparison::kLessOrEqual>},
};

}  // namespace

Test find_test(std::string_view name) {
    const auto found = std::ranges::find(kTests, name, &TestRow::name);
    return found == std::end(kTests) ? nullptr : found->function;
}

}  // namespace nepenthe::text::jinja
