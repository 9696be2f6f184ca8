// Second moments of a small trained model: against a plain computation, on any number of ranks, added up, refused.

#include "edit/keys/moments.h"
#include "base/error.h"
#include "edit/keys/key_pass.h"
#include "edit/keys/moment_convergence.h"
#include "edit/keys/moment_windows.h"
#include "edit/keys/packed_triangle.h"
#include "io/text.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "text/unicode.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>

namespace nepenthe::edit {
namespace {

const std::filesystem::path& kModel = nepenthe::testing::kStories;

const text::Tokenizer& tokenizer() {
    static const auto loaded = text::Tokenizer::load(kModel);
    return loaded;
}

const model::Decoder& decoder() {
    static const auto loaded = model::Decoder::load(kModel, model::Compute::kFloat32);
    return loaded;
}

// Some `bytes` from `begin` on, between two characters.
std::string part_of(const std::string& text, std::size_t begin, std::size_t bytes) {
    const auto whole = [&](std::size_t at) {
        while (at < text.size() && text::is_continuation_byte(text[at])) ++at;
        return at;
    };
    const std::size_t from = whole(begin);
    return text.substr(from, whole(begin + bytes) - from);
}

// Documents of uneven lengths, so that windows need padding.
std::vector<std::string> documents(std::size_t first = 0, std::size_t count = 8) {
    const std::string novel = io::read_text(nepenthe::testing::kNovel);
    std::vector<std::string> out;
    for (std::size_t i = first; i < first + count; ++i) out.push_back(part_of(novel, 10000 + 1500 * i, 700 + 97 * i));
    return out;
}

MomentOptions options() {
    MomentOptions out;
    out.layers = {1, 0};
    out.window = 48;
    out.tokens_per_batch = 200;
    out.groups = 5;
    return out;
}

store::Artefact compute(const MomentOptions& choice, const std::filesystem::path& outputs,
                        const std::vector<std::string>& texts = documents(), const std::string& model = "stories") {
    return compute_moments(*testing::world, decoder(),
                           plan_moments(tokenizer(), {texts, {}}, model, choice, {{"dtype", "fp32"}}), outputs);
}

// Window by window without padding, one layer at a time, every product in fp64.
at::Tensor plain_moment(const std::vector<Window>& windows, std::int64_t layer) {
    const std::int64_t n = decoder().config().intermediate;
    at::Tensor sum = at::zeros({n, n}, at::kDouble);
    std::int64_t tokens = 0;
    for (const Window& window : windows) {
        const at::Tensor ids = at::tensor(std::vector<std::int64_t>(window.begin(), window.end())).unsqueeze(0);
        const model::Context context = decoder().context({ids, {}});
        at::Tensor hidden = decoder().embed(ids, context);
        for (std::int64_t below = 0; below < layer; ++below) hidden = decoder().block(below, hidden, context);
        const at::Tensor key =
            decoder().mlp_key(layer, hidden, decoder().after_attention(layer, hidden, context))[0].to(at::kDouble);
        sum += at::matmul(key.t(), key);
        tokens += key.size(0);
    }
    return sum / static_cast<double>(tokens);
}

// The inputs of a layer's linear maps, window by window, by the norms and products that this Llama has.
at::Tensor plain_moment(const std::vector<Window>& windows, const MomentMap& map) {
    if (map.input == model::MapInput::kDown) return plain_moment(windows, map.layer);
    const std::string layer = fmt::format("model.layers.{}.", map.layer);
    at::Tensor sum;
    std::int64_t tokens = 0;
    for (const Window& window : windows) {
        const at::Tensor ids = at::tensor(std::vector<std::int64_t>(window.begin(), window.end())).unsqueeze(0);
        const model::Context context = decoder().context({ids, {}});
        at::Tensor hidden = decoder().embed(ids, context);
        for (std::int64_t below = 0; below < map.layer; ++below) hidden = decoder().block(below, hidden, context);
        const auto normed = [&](const at::Tensor& stream, const char* norm) {
            const at::Tensor exact = stream[0].to(at::kDouble);
            const at::Tensor scale = (exact.square().mean(1, true) + decoder().config().norm_epsilon).rsqrt();
            return exact * scale * decoder().parameter(layer + norm).to(at::kDouble);
        };
        at::Tensor read;
        if (map.input == model::MapInput::kQkv) read = normed(hidden, "input_layernorm.weight");
        if (map.input == model::MapInput::kUp)
            read = normed(decoder().after_attention(map.layer, hidden, context), "post_attention_layernorm.weight");
        if (map.input == model::MapInput::kO) {
            // What attention wrote, taken back through its matrix, which is square here.
            const at::Tensor weight = decoder().parameter(layer + "self_attn.o_proj.weight").to(at::kDouble);
            const at::Tensor written = decoder().attention_output(map.layer, hidden, context)[0].to(at::kDouble);
            read = at::linalg_solve(weight, written.t()).t();
        }
        const at::Tensor product = at::matmul(read.t(), read);
        sum = sum.defined() ? sum + product : product;
        tokens += read.size(0);
    }
    return sum / static_cast<double>(tokens);
}

template <typename Work>
std::string error_of(const Work& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(Moments, AreThoseOfAPlainComputation) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = compute(options(), folder.path());
    const MomentFile file(artefact.folder);
    const std::vector<Window> windows = cut_windows(documents(), tokenizer(), {.length = 48});
    EXPECT_EQ(file.count(), count_tokens(windows));
    EXPECT_EQ(file.claims().layers, (std::vector<std::int64_t>{0, 1}));
    for (const std::int64_t layer : {0, 1}) {
        const at::Tensor expected = plain_moment(windows, layer), actual = file.moment(layer);
        EXPECT_TRUE(at::equal(actual, actual.t()));
        EXPECT_LT(((actual - expected).norm() / expected.norm()).item<double>(), 1e-6) << "layer " << layer;
    }
}

TEST(Moments, OfEveryMapAreThoseOfAPlainComputation) {
    testing::SharedFolder folder(*testing::world);
    MomentOptions choice = options();
    choice.every_map = true;
    const MomentFile all(compute(choice, folder.path()).folder), keys(compute(options(), folder.path()).folder);
    const std::vector<Window> windows = cut_windows(documents(), tokenizer(), {.length = 48});
    ASSERT_EQ(all.widths().size(), 4u);
    EXPECT_EQ(keys.widths().size(), 1u);
    for (const MomentMap& map : moment_maps({0, 1}, all.widths())) {
        const at::Tensor expected = plain_moment(windows, map), actual = all.moment(map);
        const double tolerance = map.input == model::MapInput::kO ? 1e-4 : 1e-6;
        EXPECT_LT(((actual - expected).norm() / expected.norm()).item<double>(), tolerance)
            << map.layer << " " << model::map_input_name(map.input);
        EXPECT_EQ(keys.holds(map), map.input == model::MapInput::kDown);
    }
    // MLP keys are the same bytes whatever else is gathered beside them.
    for (const std::int64_t layer : {0, 1}) EXPECT_EQ(all.triangle({layer}), keys.triangle({layer}));
    const std::string lacks = error_of([&] { keys.moment({1, model::MapInput::kQkv}); });
    EXPECT_NE(lacks.find("no input \"qkv\" of layer 1"), std::string::npos) << lacks;
    const auto more = compute(choice, folder.path(), documents(9, 3));
    const auto fewer = compute(options(), folder.path(), documents(13, 2));
    const std::string refused = error_of([&] {
        merge_moments(*testing::world, {more.folder, fewer.folder}, folder.path());
    });
    EXPECT_NE(refused.find("inputs of a layer"), std::string::npos) << refused;
    const MomentFile merged(
        merge_moments(*testing::world, {more.folder, compute(choice, folder.path()).folder}, folder.path()).folder);
    EXPECT_TRUE(merged.holds({1, model::MapInput::kUp}));
}

TEST(Moments, EveryWindowBeginsWithBosAndEveryTokenCountsOnce) {
    const std::vector<Window> windows = cut_windows(documents(), tokenizer(), {.length = 48});
    std::size_t tokens = 0;
    for (const std::string& text : documents()) tokens += tokenizer().encode(text, false).ids.size();
    for (const Window& window : windows) {
        EXPECT_EQ(window.front(), tokenizer().bos().value());
        EXPECT_LE(window.size(), 48u);
    }
    EXPECT_EQ(count_tokens(windows), static_cast<std::int64_t>(tokens + windows.size()));
}

TEST(Moments, PaddingNeverCounts) {
    const std::vector<Window> windows = cut_windows(documents(), tokenizer(), {.length = 48});
    const WindowGroup all = deal_windows(windows, {0, windows.size()}, 1, 1).front();
    std::int64_t seen = 0;
    bool padded = false;
    for (const WindowBatch& batch : batch_windows(windows, all, 1 << 20)) {
        padded = padded || batch.mask.defined();
        visit_keys(decoder(), batch, {MomentMap{1}},
                   [&](std::size_t, const at::Tensor& keys) { seen += keys.size(0); });
    }
    EXPECT_TRUE(padded);
    EXPECT_EQ(seen, count_tokens(windows));
}

TEST(Moments, LimitAndSkipShareTheCorpus) {
    testing::SharedFolder folder(*testing::world);
    MomentOptions first = options(), second = options();
    // Whole windows alone are skipped, so that the limit must fall between two of them.
    const std::vector<Window> windows = cut_windows(documents(), tokenizer(), {.length = 48});
    std::int64_t boundary = 0;
    for (const Window& window : windows) {
        boundary += std::ssize(window);
        if (boundary >= 480) break;
    }
    first.tokens = second.skip = boundary;
    const store::Artefact head = compute(first, folder.path()), tail = compute(second, folder.path());
    const store::Artefact both = merge_moments(*testing::world, {head.folder, tail.folder}, folder.path());
    const MomentFile sum(both.folder), whole(compute(options(), folder.path()).folder);
    EXPECT_EQ(MomentFile(head.folder).count(), boundary);
    EXPECT_EQ(sum.count(), whole.count());
    EXPECT_EQ(sum.parts().size(), 2u);
    EXPECT_LT(((sum.moment(1) - whole.moment(1)).norm() / whole.moment(1).norm()).item<double>(), 1e-6);
}

TEST(Moments, AddUpInAnyOrder) {
    testing::SharedFolder folder(*testing::world), other(*testing::world);
    const auto a = compute(options(), folder.path()), b = compute(options(), folder.path(), documents(9, 3));
    const auto c = compute(options(), folder.path(), documents(13, 2));
    const auto ab = merge_moments(*testing::world, {a.folder, b.folder}, folder.path());
    const auto ba = merge_moments(*testing::world, {b.folder, a.folder}, other.path());
    EXPECT_EQ(ab.digest(), ba.digest());
    const MomentFile sum(ab.folder), first(a.folder), second(b.folder);
    EXPECT_EQ(sum.count(), first.count() + second.count());
    const auto total = static_cast<double>(sum.count());
    const at::Tensor expected = first.moment(0) * (static_cast<double>(first.count()) / total) +
                                second.moment(0) * (static_cast<double>(second.count()) / total);
    EXPECT_LT((sum.moment(0) - expected).abs().max().item<double>(), 1e-12);
    const auto again = merge_moments(*testing::world, {ab.folder, c.folder}, folder.path());
    EXPECT_EQ(MomentFile(again.folder).parts().size(), 3u);
    // What is in already is not taken twice.
    const std::string refused = error_of([&] {
        merge_moments(*testing::world, {again.folder, b.folder}, other.path());
    });
    EXPECT_NE(refused.find("count twice"), std::string::npos) << refused;
}

TEST(Moments, ForeignFilesAreRefusedByField) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = compute(options(), folder.path());
    const MomentFile file(artefact.folder / kMomentFile);
    EXPECT_NO_THROW(file.check_belongs("stories", tokenizer().digest(), {1}, 48, file.claims().corpus_digest));
    const std::string all = error_of([&] { file.check_belongs("another", "other", {0, 7}, 512, "elsewhere"); });
    for (const char* field : {"model digest", "tokenizer digest", "layer 7", "window", "corpus digest"}) {
        EXPECT_NE(all.find(field), std::string::npos) << field << " in " << all;
    }
    EXPECT_EQ(all.find("layer 0"), std::string::npos) << all;
    MomentOptions window = options(), layers = options();
    window.window = 32;
    layers.layers = {1};
    const auto narrow = compute(window, folder.path(), documents(9, 2), "another");
    const auto one = compute(layers, folder.path(), documents(9, 2));
    const std::string merge = error_of([&] {
        merge_moments(*testing::world, {artefact.folder, narrow.folder, one.folder}, folder.path());
    });
    for (const char* field : {"window", "model digest", "layers"}) {
        EXPECT_NE(merge.find(field), std::string::npos) << field << " in " << merge;
    }
}

TEST(Moments, StopWhenDirectionsAreStill) {
    testing::SharedFolder folder(*testing::world);
    MomentOptions loose = options(), strict = options();
    loose.until = 0.9;
    strict.until = 1e-9;
    std::vector<std::string> texts;
    const std::string novel = io::read_text(nepenthe::testing::kNovel);
    for (std::size_t i = 0; i < 40; ++i) texts.push_back(part_of(novel, 10000 + 1500 * i, 1500));
    const auto early = compute(loose, folder.path(), texts), late = compute(strict, folder.path(), texts);
    const Json stopped = early.manifest.at("summary"), read = late.manifest.at("summary");
    EXPECT_TRUE(stopped.at("converged").get<bool>()) << stopped;
    EXPECT_EQ(stopped.at("rounds"), 2) << stopped;
    EXPECT_FALSE(read.at("converged").get<bool>());
    EXPECT_GT(read.at("tokens").get<std::int64_t>(), stopped.at("tokens").get<std::int64_t>());
    // Directions turn less and less.
    EXPECT_LT(read.at("direction_change").get<double>(), stopped.at("direction_change").get<double>());
    EXPECT_EQ(MomentFile(early.folder).count(), stopped.at("tokens").get<std::int64_t>());
}

TEST(Moments, WrongOptionsAreNamedTogether) {
    testing::SharedFolder folder(*testing::world);
    MomentOptions wrong = options();
    wrong.layers = {0, 99, 0};
    wrong.window = 4096;
    const std::string all = error_of([&] { compute(wrong, folder.path()); });
    for (const char* part : {"layer 99", "twice", "4096"}) EXPECT_NE(all.find(part), std::string::npos) << all;
    EXPECT_NE(error_of([&] { compute(options(), folder.path(), {}); }).find("no tokens"), std::string::npos);
}

TEST(Moments, OpenWithH5py) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = compute(options(), folder.path());
    if (!testing::world->is_root()) return;
    const std::string command = fmt::format("'{}' '{}/tests/edit/check_moments.py' '{}'", NEPENTHE_PYTHON,
                                            NEPENTHE_SOURCE_DIR, (artefact.folder / kMomentFile).string());
    EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(PackedTriangle, IndicesGoBeyondInt) {
    constexpr std::int64_t n = 70001;
    static_assert(triangle_size(n) == 2450105001);
    static_assert(triangle_row(n, 0) == 0 && triangle_row(n, 1) == n);
    static_assert(triangle_row(n, n - 1) == triangle_size(n) - 1);
}

TEST(PackedTriangle, UnpacksWhatWasSummed) {
    const at::Tensor keys = at::randn({37, 301}, at::make_generator<at::CPUGeneratorImpl>(3));
    OuterProductSum sum(301);
    sum.add(keys.narrow(0, 0, 20).contiguous());
    sum.add(keys.narrow(0, 20, 17).contiguous());
    const at::Tensor exact = at::matmul(keys.t().to(at::kDouble), keys.to(at::kDouble));
    const at::Tensor actual = unpack_triangle(sum.values(), 301, 1.0);
    EXPECT_LT((actual - exact).abs().max().item<double>(), 1e-4);
    EXPECT_TRUE(at::equal(actual, actual.t()));
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Moments, PrintsItsDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    testing::SharedFolder folder(*testing::world);
    MomentOptions choice = options();
    choice.until = 1e-9;
    const auto artefact = compute(choice, outputs ? std::filesystem::path(outputs) : folder.path(), documents(0, 30));
    if (testing::world->is_root()) printf("digest %s\n", artefact.digest().c_str());
}

TEST(Moments, OfEveryMapPrintTheirDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    testing::SharedFolder folder(*testing::world);
    MomentOptions choice = options();
    choice.every_map = true;
    const auto artefact = compute(choice, outputs ? std::filesystem::path(outputs) : folder.path(), documents(0, 30));
    if (testing::world->is_root()) printf("digest %s\n", artefact.digest().c_str());
}

}  // namespace
}  // namespace nepenthe::edit
