#include "edit/keys/moment_file.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json_whole.h"
#include "edit/keys/packed_triangle.h"
#include "store/published_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace nepenthe::edit {

namespace {

constexpr const char* kSubjects = "/subjects";

constexpr std::int64_t kWidest = std::int64_t{1} << 24;

std::string dataset_of(const MomentMap& map) {
    if (map.input == model::MapInput::kDown) return fmt::format("/moment/{}", map.layer);
    return fmt::format("/moment_{}/{}", model::map_input_name(map.input), map.layer);
}

// Files of MLP keys alone have no such attribute: they are as they always were.
Json widths_json(const MomentWidths& widths) {
    Json json = Json::object();
    for (const auto& [input, width] : widths) json[std::string(model::map_input_name(input))] = width;
    return json;
}

Json parts_json(const std::vector<MomentPart>& parts) {
    Json list = Json::array();
    for (const MomentPart& part : parts) {
        list.push_back({{"corpus_digest", part.corpus_digest}, {"tokens", part.tokens}});
        if (part.sentences > 0) list.back()["sentences"] = part.sentences;
    }
    return list;
}

// Attributes of a file that may not be what the format promises.
struct Attributes {
    Json json;
    const std::filesystem::path& path;

    template <typename T>
    T get(const std::string& name) const {
        try {
            return json.at(name).get<T>();
        } catch (const Json::exception&) {
            fail(ErrorKind::kData, "{}: attribute \"{}\" is missing or of another type", path.string(), name);
        }
    }
    Json list(const std::string& name) const {
        const Json value = parse_json(get<std::string>(name), path.string() + ": " + name);
        if (!value.is_array()) fail(ErrorKind::kData, "{}: attribute \"{}\" is no list", path.string(), name);
        return value;
    }
    MomentWidths widths() const {
        MomentWidths widths{{model::MapInput::kDown, get<std::int64_t>("intermediate")}};
        if (!json.contains("widths_json")) return widths;
        const Json read = parse_json(get<std::string>("widths_json"), path.string() + ": widths_json");
        for (const auto& [name, width] : read.items()) {
            const auto input = model::find_map_input(name);
            if (!input) fail(ErrorKind::kData, "{}: widths_json: there is no input \"{}\"", path.string(), name);
            const auto whole = json_whole<std::int64_t>(width);
            if (const auto [at, added] = widths.emplace(*input, whole); !added && at->second != whole)
                fail(ErrorKind::kData, "{}: widths_json contradicts intermediate", path.string());
        }
        return widths;
    }
};

}  // namespace

std::string digest_of_parts(std::vector<MomentPart> parts) {
    NEPENTHE_CHECK(!parts.empty());
    if (parts.size() == 1) return parts[0].corpus_digest;
    std::sort(parts.begin(), parts.end());
    Sha256 hash;
    for (const MomentPart& part : parts) hash.update(part.corpus_digest);
    return hash.hex();
}

MomentFile::MomentFile(const std::filesystem::path& path)
    : path_(std::filesystem::is_directory(path) ? path / kMomentFile : path) {
    store::check_published_file(path_);
    const store::H5Reader file = open();
    const Attributes attributes{file.attributes(), path_};
    claims_.model_digest = attributes.get<std::string>("model_digest");
    claims_.tokenizer_digest = attributes.get<std::string>("tokenizer_digest");
    claims_.corpus_digest = attributes.get<std::string>("corpus_digest");
    claims_.dtype = attributes.get<std::string>("dtype");
    claims_.window = attributes.get<std::int64_t>("window");
    count_ = attributes.get<std::int64_t>("tokens");
    try {
        widths_ = attributes.widths();
        claims_.layers = json_wholes<std::int64_t>(attributes.list("layers_json"));
        for (const Json& part : attributes.list("parts_json")) {
            parts_.push_back({part.at("corpus_digest").get<std::string>(), json_whole<std::int64_t>(part.at("tokens")),
                              part.value("sentences", std::int64_t{0})});
        }
        if (file.has(kSubjects)) {
            claims_.subjects = parse_json(file.read_text(kSubjects), path_.string()).get<std::vector<std::string>>();
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: layers_json, parts_json, widths_json or subjects: {}", path_.string(),
             error.what());
    }
    Problems problems;
    for (const auto& [input, width] : widths_) {
        if (count_ < 1 || width < 1 || width > kWidest)
            problems.add("{} tokens of keys with {} entries cannot be", count_, width);
    }
    problems.throw_if_any(ErrorKind::kData, path_.string());
    for (const MomentMap& map : moment_maps(claims_.layers, widths_)) {
        const std::string name = dataset_of(map);
        const std::int64_t width = widths_.at(map.input);
        const std::vector<std::uint64_t> shape{static_cast<std::uint64_t>(triangle_size(width))};
        if (!file.has(name) || file.shape(name) != shape || file.type(name) != store::H5Type::kF64) {
            problems.add("{} is missing or is no triangle of {} rows", name, width);
        }
    }
    problems.throw_if_any(ErrorKind::kData, path_.string());
}

store::H5Reader MomentFile::open() const { return {path_, kMomentFormat}; }

bool MomentFile::holds(const MomentMap& map) const {
    return widths_.contains(map.input) && std::ranges::find(claims_.layers, map.layer) != claims_.layers.end();
}

std::vector<double> MomentFile::triangle(const MomentMap& map) const {
    if (!holds(map)) {
        fail(ErrorKind::kData, "{} holds no input \"{}\" of layer {}, it holds {} of layers {}", path_.string(),
             model::map_input_name(map.input), map.layer, widths_json(widths_).dump(), fmt::join(claims_.layers, ", "));
    }
    return open().read<double>(dataset_of(map));
}

at::Tensor MomentFile::moment(const MomentMap& map) const {
    const std::vector<double> sum = triangle(map);
    return unpack_triangle(sum, widths_.at(map.input), 1.0 / static_cast<double>(count_));
}

std::int64_t MomentFile::sentences() const {
    return std::accumulate(parts_.begin(), parts_.end(), std::int64_t{0},
                           [](std::int64_t sum, const MomentPart& part) { return sum + part.sentences; });
}

std::string MomentFile::content_digest() const { return open().content_digest(); }

void MomentFile::check_belongs(const std::string& model_digest, const std::string& tokenizer_digest,
                               const std::vector<std::int64_t>& layers, std::int64_t window,
                               const std::string& corpus_digest) const {
    Problems problems;
    const auto compare = [&](const char* field, const auto& held, const auto& wanted) {
        if (held != wanted) problems.add("{}: the file says {}, here it is {}", field, held, wanted);
    };
    compare("model digest", claims_.model_digest, model_digest);
    compare("tokenizer digest", claims_.tokenizer_digest, tokenizer_digest);
    if (window > 0) compare("window", claims_.window, window);
    if (!corpus_digest.empty()) compare("corpus digest", claims_.corpus_digest, corpus_digest);
    for (const std::int64_t layer : layers) {
        if (std::find(claims_.layers.begin(), claims_.layers.end(), layer) == claims_.layers.end()) {
            problems.add("layers: the file holds {}, layer {} is wanted", fmt::join(claims_.layers, ", "), layer);
        }
    }
    problems.throw_if_any(
        ErrorKind::kData,
        fmt::format("{} holds moments of something else; run nepenthe stats for this model", path_.string()));
}

std::vector<MomentMap> moment_maps(const std::vector<std::int64_t>& layers, const MomentWidths& widths) {
    std::vector<MomentMap> maps;
    for (const std::int64_t layer : layers) {
        for (const auto& [input, width] : widths) maps.push_back({layer, input});
    }
    std::sort(maps.begin(), maps.end());
    return maps;
}

std::string write_moment_file(const dist::Comm& comm, const std::filesystem::path& path, const MomentClaims& claims,
                              const std::vector<MomentPart>& parts, const MomentWidths& widths, const Json& attributes,
                              const std::function<std::vector<double>(const MomentMap& map)>& triangle) {
    std::int64_t tokens = 0;
    for (const MomentPart& part : parts) tokens += part.tokens;
    Json root = attributes;
    root.update(Json{{"model_digest", claims.model_digest},
                     {"tokenizer_digest", claims.tokenizer_digest},
                     {"corpus_digest", claims.corpus_digest},
                     {"dtype", claims.dtype},
                     {"window", claims.window},
                     {"layers_json", canonical_json(Json(claims.layers))},
                     {"parts_json", canonical_json(parts_json(parts))},
                     {"tokens", tokens},
                     {"intermediate", widths.at(model::MapInput::kDown)}});
    if (widths.size() > 1) root["widths_json"] = canonical_json(widths_json(widths));
    store::H5Writer file(comm, path, kMomentFormat, kMomentFormatVersion, root);
    if (!claims.subjects.empty()) {
        file.write_text(kSubjects, canonical_json(Json(claims.subjects)),
                        "whom the true sentences among the texts are about, normalised; JSON");
    }
    constexpr std::uint64_t kEntriesAChunk = 1u << 17;  // 1 MiB
    for (const MomentMap& map : moment_maps(claims.layers, widths)) {
        const auto entries = static_cast<std::uint64_t>(triangle_size(widths.at(map.input)));
        const bool down = map.input == model::MapInput::kDown;
        file.create({.name = dataset_of(map),
                     .type = store::H5Type::kF64,
                     .shape = {entries},
                     .rows_per_chunk = std::min(entries, kEntriesAChunk),
                     .axes = {"entry"},
                     .description = fmt::format("sum over tokens of {0} times {0}, upper triangle of [{1}, {1}], "
                                                "row by row; divide by the attribute tokens",
                                                down ? "key" : "input", down ? "intermediate" : "width"),
                     .units = "",
                     .compress = false});
        std::vector<double> values;
        file.write_rows(dataset_of(map), [&](std::uint64_t first, std::uint64_t rows, std::span<std::byte> out) {
            if (values.empty()) values = triangle(map);
            NEPENTHE_CHECK(values.size() == entries);
            std::memcpy(out.data(), values.data() + first, rows * sizeof(double));
        });
    }
    return file.close();
}

}  // namespace nepenthe::edit
