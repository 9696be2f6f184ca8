#pragma once
// Builds a value from the events of Json::sax_parse. Whoever reads with rules of their own derives from it, looks at
// the events that matter and passes the rest on.

#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe {

// Every function returns whether to go on. Of keys that are given twice the last counts.
class JsonBuilder : public Json::json_sax_t {
  public:
    // Written into while events come; what it held before is lost.
    explicit JsonBuilder(Json& root) : root_(root) {}

    bool null() override;
    bool boolean(bool value) override;
    bool number_integer(std::int64_t value) override;
    bool number_unsigned(std::uint64_t value) override;
    bool number_float(double value, const std::string& spelling) override;
    bool string(std::string& value) override;
    bool binary(Json::binary_t& value) override;
    bool start_object(std::size_t size) override;
    bool key(std::string& name) override;
    bool end_object() override;
    bool start_array(std::size_t size) override;
    bool end_array() override;
    bool parse_error(std::size_t position, const std::string& token, const Json::exception& error) override;

  private:
    Json& add(Json value);

    Json& root_;
    std::vector<Json*> open_;  // objects and arrays around what comes next
    Json* member_ = nullptr;   // of the innermost object: where its next value belongs
};

}  // namespace nepenthe
