#include "edit/keys/moments.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "dist/guard.h"
#include "edit/keys/key_pass.h"
#include "edit/keys/moment_convergence.h"
#include "edit/keys/moment_windows.h"
#include "edit/keys/packed_triangle.h"
#include "store/blocks.h"

#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <span>

namespace nepenthe::edit {

namespace {

// The first look comes after this many tokens for each entry of a key: below it C is hardly more than its noise.
constexpr std::int64_t kTokensAnEntry = 8;
constexpr std::int64_t kProbes = 64;  // keys whose directions are watched

std::string bytes_of(std::span<const double> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::vector<double> doubles_of(std::string_view bytes) {
    std::vector<double> values(bytes.size() / sizeof(double));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

void add_to(std::vector<double>& sum, std::span<const double> more) {
    NEPENTHE_CHECK(sum.size() == more.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
}

// Gathering for one artefact.
class Gathering {
  public:
    Gathering(const dist::Comm& comm, const model::Decoder& decoder, const MomentOptions& options, MixedWindows windows,
              std::filesystem::path scratch, std::string key)
        : comm_(comm),
          decoder_(decoder),
          options_(options),
          widths_(widths_of(options, decoder.config())),
          windows_(std::move(windows.windows)),
          is_sentence_(std::move(windows.is_sentence)),
          scratch_(std::move(scratch)),
          key_(std::move(key)) {
        std::vector<std::int64_t> layers = options.layers;
        std::sort(layers.begin(), layers.end());
        maps_ = moment_maps(layers, widths_);
        for (const MomentMap& map : maps_) offsets_.push_back(offsets_.back() + entries(map));
    }

    // Collective. Reads rounds until the corpus or the patience ends.
    void run() {
        std::int64_t widest = 0;
        for (const auto& [input, width] : widths_) widest = std::max(widest, width);
        const std::int64_t first = std::max(kTokensAnEntry * widest, 2 * options_.tokens_per_batch);
        const std::vector<WindowRange> rounds = cut_rounds(windows_, options_.until > 0 ? first : 0);
        for (const WindowRange& round : rounds) {
            sums_ = add_round(round);
            ++rounds_;
            used_ = round.end;
            if (options_.until > 0 && has_converged()) break;
        }
    }

    std::span<const Window> used() const { return std::span(windows_).first(used_); }
    std::int64_t sentences() const {
        return std::count(is_sentence_.begin(), is_sentence_.begin() + static_cast<std::ptrdiff_t>(used_), true);
    }
    const MomentWidths& widths() const { return widths_; }
    // Σ k kᵀ over what was read.
    std::vector<double> triangle(const MomentMap& map) const {
        return sum_of_map(static_cast<std::size_t>(std::ranges::find(maps_, map) - maps_.begin()));
    }
    Json summary(const std::vector<std::int64_t>& layers) const {
        Json out{{"tokens", count_tokens(used())},
                 {"windows", used_},
                 {"sentences", sentences()},
                 {"layers", layers},
                 {"rounds", rounds_}};
        if (change_.has_value()) out["direction_change"] = *change_;
        if (options_.until > 0) out["converged"] = change_.has_value() && *change_ <= options_.until;
        return out;
    }

  private:
    static MomentWidths widths_of(const MomentOptions& options, const model::DecoderConfig& config) {
        MomentWidths widths;
        for (const model::MapInput input : model::kMapInputs) {
            if (options.every_map || input == model::MapInput::kDown) widths[input] = model::input_width(config, input);
        }
        return widths;
    }
    std::size_t entries(const MomentMap& map) const {
        return static_cast<std::size_t>(triangle_size(widths_.at(map.input)));
    }
    std::filesystem::path folder(const char* what) const { return scratch_ / fmt::format("round-{}", rounds_) / what; }
    store::BlockOptions block_options(const char* label) const {
        store::BlockOptions block;
        block.label = label;
        block.key_digest = key_;
        return block;
    }
    static std::vector<double> sum_of(const store::BlockResults& sums, std::uint64_t index) {
        return doubles_of(sums.read(index));
    }
    // Inputs of one layer follow one another: a layer's sums are one slice of a block.
    std::size_t first_map(std::uint64_t layer) const { return layer * widths_.size(); }
    std::vector<double> sum_of_map(std::size_t map) const {
        const std::uint64_t layer = map / widths_.size();
        const std::string bytes = sums_->read(layer);
        const std::size_t begin = offsets_[map] - offsets_[first_map(layer)];
        return doubles_of(std::string_view(bytes).substr(begin * sizeof(double), entries(maps_[map]) * sizeof(double)));
    }

    // One block: the sums of all inputs, one behind the other.
    std::string gather(const WindowGroup& group) const {
        std::vector<OuterProductSum> sums;
        for (const MomentMap& map : maps_) sums.emplace_back(widths_.at(map.input));
        for (const WindowBatch& batch : batch_windows(windows_, group, options_.tokens_per_batch)) {
            visit_keys(decoder_, batch, maps_, [&](std::size_t i, const at::Tensor& keys) { sums[i].add(keys); });
        }
        std::string bytes;
        bytes.reserve(offsets_.back() * sizeof(double));
        for (std::size_t i = 0; i < maps_.size(); ++i) {
            const std::vector<double>& values = sums[i].values();
            if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); })) {
                fail(ErrorKind::kData, "layer {}: keys that are not finite; check the model with nepenthe info",
                     maps_[i].layer);
            }
            bytes += bytes_of(values);
        }
        return bytes;
    }

    // The tree over blocks [first, first + count) of a layer.
    std::vector<double> tree(const store::BlockResults& blocks, std::uint64_t layer, std::uint64_t first,
                             std::uint64_t count) const {
        if (count == 1) {
            const std::string bytes = blocks.read(first);
            NEPENTHE_CHECK(bytes.size() == offsets_.back() * sizeof(double));
            const std::size_t begin = offsets_[first_map(layer)], end = offsets_[first_map(layer + 1)];
            return doubles_of(std::string_view(bytes).substr(begin * sizeof(double), (end - begin) * sizeof(double)));
        }
        std::vector<double> sum = tree(blocks, layer, first, count / 2);
        add_to(sum, tree(blocks, layer, first + count / 2, count - count / 2));
        return sum;
    }

    // Collective. Sums of all rounds so far, one block a layer.
    store::BlockResults add_round(const WindowRange& round) const {
        const std::vector<WindowGroup> groups =
            deal_windows(windows_, round, options_.groups, 2 * options_.tokens_per_batch);
        store::BlockOptions block = block_options("stats");
        for (const WindowGroup& group : groups) {
            double tokens = 0;
            for (const std::size_t window : group) tokens += static_cast<double>(windows_[window].size());
            block.costs.push_back(tokens);
        }
        const store::BlockResults blocks = store::for_each_block(comm_, folder("groups"), groups.size(), block,
                                                                 [&](std::uint64_t id) { return gather(groups[id]); });
        return store::for_each_block(comm_, folder("sums"), maps_.size() / widths_.size(), block_options("add up"),
                                     [&](std::uint64_t layer) {
                                         std::vector<double> sum = tree(blocks, layer, 0, groups.size());
                                         if (sums_.has_value()) add_to(sum, sum_of(*sums_, layer));
                                         return bytes_of(sum);
                                     });
    }

    // Keys of the first window, evenly spread: [probe, width] fp64. That they are part of the statistics changes
    // nothing, for (C + a k kᵀ)⁻¹k is parallel to C⁻¹k.
    at::Tensor probe_keys(const MomentMap& map) const {
        at::Tensor keys;
        const WindowBatch batch = batch_windows(windows_, {0}, 1).front();
        visit_keys(decoder_, batch, {map}, [&](std::size_t, const at::Tensor& found) { keys = found; });
        const std::int64_t step = std::max<std::int64_t>(1, keys.size(0) / kProbes);
        return keys.slice(0, step - 1, std::nullopt, step).to(at::kDouble);
    }

    // Collective. Compares the directions after this round with those before it.
    bool has_converged() {
        const double tokens = static_cast<double>(count_tokens(used()));
        const store::BlockResults directions = store::for_each_block(
            comm_, folder("directions"), maps_.size(), block_options("directions"), [&](std::uint64_t index) {
                const MomentMap& map = maps_[index];
                const at::Tensor moment = unpack_triangle(sum_of_map(index), widths_.at(map.input), 1.0 / tokens);
                const at::Tensor found = edit_directions(moment, probe_keys(map)).contiguous();
                return bytes_of({found.const_data_ptr<double>(), static_cast<std::size_t>(found.numel())});
            });
        const std::optional<store::BlockResults> before = std::exchange(directions_, directions);
        if (!before.has_value()) return false;
        const auto read = [&](const store::BlockResults& results, std::uint64_t map) {
            const std::vector<double> values = sum_of(results, map);
            return at::tensor(values, at::kDouble).view({-1, widths_.at(maps_[map].input)});
        };
        change_ = 0.0;
        for (std::uint64_t map = 0; map < maps_.size(); ++map) {
            change_ = std::max(*change_, direction_change(read(*before, map), read(directions, map)));
        }
        log_info("stats: after {} tokens, directions turned by {:.2e} (1 - cos) since half of them", tokens, *change_);
        return *change_ <= options_.until;
    }

    const dist::Comm& comm_;
    const model::Decoder& decoder_;
    const MomentOptions& options_;
    MomentWidths widths_;
    std::vector<MomentMap> maps_;
    std::vector<std::size_t> offsets_{0};  // where each input's sum begins in a block, and the end of the last
    std::vector<Window> windows_;
    std::vector<bool> is_sentence_;
    std::filesystem::path scratch_;
    std::string key_;
    std::optional<store::BlockResults> sums_, directions_;
    std::optional<double> change_;
    std::size_t used_ = 0;
    std::int64_t rounds_ = 0;
};

void check_options(const MomentOptions& options, const model::Decoder& decoder) {
    const model::DecoderConfig& config = decoder.config();
    Problems problems;
    if (decoder.side_memory() != nullptr)
        problems.add("the model has a side memory; take the model that it was edited from");
    for (const std::string& problem : options.validate()) problems.add("{}", problem);
    for (const std::int64_t layer : options.layers) {
        if (layer >= config.layers) problems.add("layer {}: the model has layers 0 to {}", layer, config.layers - 1);
    }
    if (config.max_positions > 0 && options.window > config.max_positions) {
        problems.add("windows of {} tokens do not fit into the model's {} positions", options.window,
                     config.max_positions);
    }
    problems.throw_if_any(ErrorKind::kUsage, "stats");
}

MixedWindows windows_of(const MomentTexts& texts, const text::Tokenizer& tokenizer, const MomentOptions& options) {
    std::vector<Window> sentences = cut_windows(texts.sentences.texts, tokenizer, {options.window, 0, 0, options.seed});
    const std::int64_t tokens = options.tokens > 0 ? options.tokens : count_tokens(sentences);
    std::vector<Window> running =
        cut_windows(texts.documents, tokenizer, {options.window, options.skip, tokens, options.seed});
    if (running.empty() && (sentences.empty() || !texts.documents.empty()))
        fail(ErrorKind::kData, "the corpus gives no tokens behind the {} skipped", options.skip);
    return mix_windows(std::move(running), std::move(sentences), options.seed);
}

// Of what is kept of sentences beside their windows.
std::string sentences_digest(const TrueSentences& sentences) {
    Sha256 hash;
    hash.update(std::to_string(sentences.texts.size()));
    for (const std::string& subject : sentences.subjects) hash.update("\n").update(subject);
    return hash.hex();
}

// Problems of files that are to be added up.
void check_mergeable(const std::vector<MomentFile>& files, const std::vector<std::filesystem::path>& paths) {
    Problems problems;
    const MomentClaims& first = files[0].claims();
    std::set<std::string> texts;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const MomentClaims& claims = files[i].claims();
        const auto compare = [&](const char* field, const auto& value, const auto& wanted) {
            if (value != wanted)
                problems.add("{}: {} is {}, in {} it is {}", paths[i].string(), field, value, paths[0].string(),
                             wanted);
        };
        compare("model digest", claims.model_digest, first.model_digest);
        compare("tokenizer digest", claims.tokenizer_digest, first.tokenizer_digest);
        compare("dtype", claims.dtype, first.dtype);
        compare("window", claims.window, first.window);
        compare("layers", fmt::format("{}", fmt::join(claims.layers, ",")),
                fmt::format("{}", fmt::join(first.layers, ",")));
        compare("intermediate", files[i].intermediate(), files[0].intermediate());
        if (files[i].widths().size() != files[0].widths().size())
            problems.add("{}: it holds {} inputs of a layer, {} holds {}", paths[i].string(), files[i].widths().size(),
                         paths[0].string(), files[0].widths().size());
        for (const MomentPart& part : files[i].parts()) {
            if (!texts.insert(part.corpus_digest).second) {
                problems.add("{}: its text {} is in another of these files too; tokens would count twice",
                             paths[i].string(), part.corpus_digest);
            }
        }
    }
    problems.throw_if_any(ErrorKind::kData, "these moments do not add up");
}

// Files that are to be added up, in an order that does not depend on the caller's.
struct Mergeable {
    std::vector<MomentFile> files;
    std::vector<MomentPart> parts;
    store::ArtefactKey key;
};

// Collective.
Mergeable read_mergeable(const dist::Comm& comm, const std::vector<std::filesystem::path>& paths) {
    if (paths.size() < 2) fail(ErrorKind::kUsage, "{} file of moments to add up, two and more can be", paths.size());
    Mergeable read;
    std::vector<MomentFile>& files = read.files;
    std::vector<MomentPart>& parts = read.parts;
    store::ArtefactKey& key = read.key;
    key = {"stats", {{"merge", paths.size()}}, {}};
    dist::run_agreed(comm, "read moments", [&] {
        for (const auto& path : paths) files.emplace_back(path);
        check_mergeable(files, paths);
        std::sort(files.begin(), files.end(), [](const MomentFile& a, const MomentFile& b) {
            return a.claims().corpus_digest < b.claims().corpus_digest;
        });
        for (std::size_t i = 0; i < files.size(); ++i) {
            key.inputs[fmt::format("moments-{}", i)] = files[i].content_digest();
            parts.insert(parts.end(), files[i].parts().begin(), files[i].parts().end());
        }
        std::sort(parts.begin(), parts.end());
    });
    return read;
}

}  // namespace

std::vector<std::string> MomentOptions::validate() const {
    Problems problems;
    if (layers.empty()) problems.add("no layers are given");
    if (std::set<std::int64_t>(layers.begin(), layers.end()).size() != layers.size())
        problems.add("a layer is given twice");
    for (const std::int64_t layer : layers) {
        if (layer < 0) problems.add("layer {} is negative", layer);
    }
    if (window < 2 || window > 1 << 20) problems.add("a window of {} tokens is not in 2 … 1048576", window);
    if (tokens < 0) problems.add("{} tokens", tokens);
    if (skip < 0) problems.add("{} tokens to skip", skip);
    if (tokens_per_batch < 1) problems.add("{} tokens a batch", tokens_per_batch);
    if (groups < 1) problems.add("{} groups", groups);
    if (!(until >= 0 && until < 1)) problems.add("until {} is not in 0 … 1", until);
    return problems.items();
}

Json MomentOptions::to_json() const {
    std::vector<std::int64_t> sorted = layers;
    std::sort(sorted.begin(), sorted.end());
    Json json = {{"layers", sorted}, {"window", window}, {"tokens", tokens},
                 {"skip", skip},     {"seed", seed},     {"tokens_per_batch", tokens_per_batch},
                 {"groups", groups}, {"until", until}};
    // Names of artefacts of MLP keys alone are as they always were.
    if (every_map) json["maps"] = "all";
    return json;
}

MomentPlan plan_moments(const text::Tokenizer& tokenizer, const MomentTexts& texts, const std::string& model_digest,
                        const MomentOptions& options, const Json& compute) {
    MomentPlan plan;
    plan.options = options;
    plan.windows = windows_of(texts, tokenizer, options);
    plan.claims = {model_digest,
                   tokenizer.digest(),
                   windows_digest(plan.windows.windows),
                   compute.at("dtype").get<std::string>(),
                   options.window,
                   {},
                   texts.sentences.subjects};
    plan.key = {
        "stats",
        {{"options", options.to_json()}, {"compute", compute}},
        {{"model", model_digest}, {"tokenizer", plan.claims.tokenizer_digest}, {"corpus", plan.claims.corpus_digest}}};
    if (!texts.sentences.texts.empty()) plan.key.inputs["sentences"] = sentences_digest(texts.sentences);
    return plan;
}

store::Artefact compute_moments(const dist::Comm& comm, const model::Decoder& decoder, MomentPlan plan,
                                const std::filesystem::path& outputs) {
    const dist::StageScope stage("stats");
    const MomentOptions& options = plan.options;
    MixedWindows& windows = plan.windows;
    MomentClaims& claims = plan.claims;
    const store::ArtefactKey& key = plan.key;
    check_options(options, decoder);
    NEPENTHE_CHECK(claims.dtype == compute_name(decoder.compute()));
    if (auto existing = store::find_artefact(comm, outputs, key)) return *existing;

    store::ArtefactWriter writer(comm, outputs, key);
    log_info("stats: {} windows, {} tokens, layers {}", windows.windows.size(), count_tokens(windows.windows),
             fmt::join(options.layers, ", "));
    Gathering gathering(comm, decoder, options, std::move(windows), writer.scratch_folder(), key.digest());
    gathering.run();
    claims.layers = options.layers;
    std::sort(claims.layers.begin(), claims.layers.end());
    claims.corpus_digest = windows_digest(gathering.used());
    const std::vector<MomentPart> parts{{claims.corpus_digest, count_tokens(gathering.used()), gathering.sentences()}};
    const std::string digest =
        write_moment_file(comm, writer.data_folder() / kMomentFile, claims, parts, gathering.widths(),
                          {{"config_json", canonical_json(options.to_json())}, {"seed", options.seed}},
                          [&](const MomentMap& map) { return gathering.triangle(map); });
    return writer.publish(gathering.summary(claims.layers), {{kMomentFile, digest}});
}

store::ArtefactKey merge_key(const dist::Comm& comm, const std::vector<std::filesystem::path>& files) {
    return read_mergeable(comm, files).key;
}

store::Artefact merge_moments(const dist::Comm& comm, const std::vector<std::filesystem::path>& paths,
                              const std::filesystem::path& outputs) {
    const dist::StageScope stage("merge moments");
    const Mergeable read = read_mergeable(comm, paths);
    const std::vector<MomentFile>& files = read.files;
    const std::vector<MomentPart>& parts = read.parts;
    const store::ArtefactKey& key = read.key;
    if (auto existing = store::find_artefact(comm, outputs, key)) return *existing;

    store::ArtefactWriter writer(comm, outputs, key);
    MomentClaims claims = files[0].claims();
    claims.corpus_digest = digest_of_parts(parts);
    std::set<std::string> subjects;
    for (const MomentFile& file : files) subjects.insert(file.claims().subjects.begin(), file.claims().subjects.end());
    claims.subjects.assign(subjects.begin(), subjects.end());
    const std::string digest = write_moment_file(comm, writer.data_folder() / kMomentFile, claims, parts,
                                                 files[0].widths(), Json::object(), [&](const MomentMap& map) {
                                                     std::vector<double> sum = files[0].triangle(map);
                                                     for (std::size_t i = 1; i < files.size(); ++i)
                                                         add_to(sum, files[i].triangle(map));
                                                     return sum;
                                                 });
    std::int64_t tokens = 0, sentences = 0;
    for (const MomentPart& part : parts) tokens += part.tokens, sentences += part.sentences;
    return writer.publish(
        {{"tokens", tokens}, {"sentences", sentences}, {"layers", claims.layers}, {"parts", parts.size()}},
        {{kMomentFile, digest}});
}

}  // namespace nepenthe::edit
