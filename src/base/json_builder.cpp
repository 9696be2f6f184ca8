#include "base/json_builder.h"

#include <utility>

namespace nepenthe {

Json& JsonBuilder::add(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    if (Json& around = *open_.back(); around.is_array()) {
        around.push_back(std::move(value));
        return around.back();
    }
    return *member_ = std::move(value);
}

bool JsonBuilder::null() {
    add(nullptr);
    return true;
}
bool JsonBuilder::boolean(bool value) {
    add(value);
    return true;
}
bool JsonBuilder::number_integer(std::int64_t value) {
    add(value);
    return true;
}
bool JsonBuilder::number_unsigned(std::uint64_t value) {
    add(value);
    return true;
}
bool JsonBuilder::number_float(double value, const std::string& /*spelling*/) {
    add(value);
    return true;
}
bool JsonBuilder::string(std::string& value) {
    add(std::move(value));
    return true;
}
bool JsonBuilder::binary(Json::binary_t& value) {
    add(std::move(value));
    return true;
}
bool JsonBuilder::start_object(std::size_t /*size*/) {
    open_.push_back(&add(Json::object()));
    return true;
}
bool JsonBuilder::key(std::string& name) {
    member_ = &(*open_.back())[name];
    return true;
}
bool JsonBuilder::end_object() {
    open_.pop_back();
    return true;
}
bool JsonBuilder::start_array(std::size_t /*size*/) {
    open_.push_back(&add(Json::array()));
    return true;
}
bool JsonBuilder::end_array() {
    open_.pop_back();
    return true;
}
bool JsonBuilder::parse_error(std::size_t /*position*/, const std::string& /*token*/,
                              const Json::exception& /*error*/) {
    return false;
}

}  // namespace nepenthe
