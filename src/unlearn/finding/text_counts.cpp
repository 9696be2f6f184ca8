#include "unlearn/finding/text_counts.h"

#include "base/json.h"

namespace nepenthe::unlearn {

void TextCounts::add(const TextCounts& other) {
    for (const auto& [text, count] : other.counts_) counts_[text] += count;
}

void RunCounts::add(const RunCounts& other) {
    names.add(other.names);
    pairs.add(other.pairs);
    entities.add(other.entities);
}

std::string RunCounts::to_bytes() const {
    const std::vector<std::uint8_t> bytes =
        Json::to_cbor({{"names", names.counts()}, {"pairs", pairs.counts()}, {"entities", entities.counts()}});
    return {bytes.begin(), bytes.end()};
}

RunCounts RunCounts::from_bytes(std::string_view bytes) {
    const Json json = Json::from_cbor(bytes.begin(), bytes.end());
    RunCounts out;
    for (const auto& [text, count] : json.at("names").items()) out.names.add(text, count.get<std::int64_t>());
    for (const auto& [text, count] : json.at("pairs").items()) out.pairs.add(text, count.get<std::int64_t>());
    for (const auto& [text, count] : json.at("entities").items()) out.entities.add(text, count.get<std::int64_t>());
    return out;
}

}  // namespace nepenthe::unlearn
