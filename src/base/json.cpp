#include "base/json.h"

#include "base/error.h"
#include "base/json_builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace nepenthe {

namespace {

// Refuses what the library would accept silently.
class StrictBuilder : public JsonBuilder {
  public:
    StrictBuilder(Json& value, std::size_t max_depth) : JsonBuilder(value), max_depth_(max_depth) {}

    bool start_object(std::size_t size) override {
        keys_.emplace_back();
        return enter() && JsonBuilder::start_object(size);
    }
    bool end_object() override {
        keys_.pop_back();
        --depth_;
        return JsonBuilder::end_object();
    }
    bool start_array(std::size_t size) override { return enter() && JsonBuilder::start_array(size); }
    bool end_array() override {
        --depth_;
        return JsonBuilder::end_array();
    }
    bool key(std::string& name) override {
        if (!keys_.back().insert(name).second) return refuse(fmt::format("duplicate key \"{}\"", name));
        return JsonBuilder::key(name);
    }
    bool number_float(double value, const std::string& spelling) override {
        if (!std::isfinite(value)) return refuse(fmt::format("number {} is out of range", spelling));
        return JsonBuilder::number_float(value, spelling);
    }
    bool parse_error(std::size_t position, const std::string& token, const Json::exception& error) override {
        if (reason_.empty()) {
            offset_ = position;
            reason_ = error.what();
            // "[json.exception.parse_error.101] parse error at line 1, column 2: …" → the part a user can use
            if (const auto bracket = reason_.find("] "); bracket != std::string::npos) reason_.erase(0, bracket + 2);
        }
        return JsonBuilder::parse_error(position, token, error);
    }

    const std::string& reason() const { return reason_; }
    std::size_t offset() const { return offset_; }

  private:
    bool enter() {
        if (++depth_ > max_depth_) return refuse(fmt::format("nested deeper than {} levels", max_depth_));
        return true;
    }
    bool refuse(std::string reason) {
        reason_ = std::move(reason);
        return false;
    }

    std::size_t max_depth_;
    std::size_t depth_ = 0;
    std::size_t offset_ = 0;
    std::string reason_;
    std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what, const JsonLimits& limits) {
    if (text.size() > limits.max_bytes) {
        fail(ErrorKind::kData, "{}: {} bytes of JSON, the limit is {}", what, text.size(), limits.max_bytes);
    }
    // The library takes a NUL byte for the end of the input and would ignore all that follows.
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
        fail(ErrorKind::kData, "{}: a NUL byte (byte {})", what, nul);
    }
    Json root;
    StrictBuilder builder(root, limits.max_depth);
    if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
        std::string reason = builder.reason().empty() ? "not JSON" : builder.reason();
        if (builder.offset() > 0) reason += fmt::format(" (byte {})", builder.offset());
        fail(ErrorKind::kData, "{}: {}", what, reason);
    }
    return root;
}

std::string canonical_json(const Json& value) {
    try {
        return value.dump();
    } catch (const Json::type_error&) {
        fail(ErrorKind::kData, "a name is not UTF-8, which names are written in; rename the file: {}",
             value.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 400));
    }
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& known) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& name : known) {
        std::vector<std::size_t> row(name.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < word.size(); ++i) {
            std::size_t diagonal = row[0];
            row[0] = i + 1;
            for (std::size_t j = 0; j < name.size(); ++j) {
                const std::size_t substitute = diagonal + (word[i] == name[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substitute});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = name;
        }
    }
    return best;
}

}  // namespace nepenthe
