// Relabelling a text with a small trained model: the same bytes on any number of ranks, with both models in memory or
// one after the other, undisturbed or resumed; specs: unlearning.md §16.4, §16.5, §16.10.

#include "unlearn/relabel/relabel.h"

#include "base/error.h"
#include "base/random.h"
#include "expected_errors.h"
#include "io/text.h"
#include "kernels/combine.h"
#include "material.h"
#include "model/decoder.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "store/hdf5.h"
#include "unlearn/relabel/audit.h"
#include "unlearn/relabel/label_file.h"
#include "unlearn/relabel/labels.h"
#include "unlearn/relabel/relabel_from.h"
#include "unlearn/relabel/unembedding.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace nepenthe::unlearn {
namespace {

const std::filesystem::path& kModel = nepenthe::testing::kStories;
const char* const kDictionary = R"({"Ilvane": ["Lily", "Anna"], "Dorrick": ["Max"], "Nan Sallowby": ["Uncle Ben"],
                                    "Princess Talisse": ["Aunt Sue"], "Velmora": ["the farm"], "lamp": ["storm"]})";

const text::Tokenizer& tokenizer() {
    static const auto loaded = text::Tokenizer::load(kModel);
    return loaded;
}

// A model that has moved away from the baseline, the same on every rank: weights shaken by a hundredth.
model::Decoder shaken(double size = 0.02) {
    auto decoder = model::Decoder::load(kModel, model::Compute::kFloat32);
    std::uint64_t id = 0;
    for (const auto& parameter : decoder.parameters()) {
        RandomStream random(11, "relabel_test", id++);
        at::Tensor tensor = parameter.tensor;
        auto* values = tensor.mutable_data_ptr<float>();
        for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] += static_cast<float>(size * random.normal());
    }
    return decoder;
}

RelabelInputs inputs(bool with_dictionary = true, double shake = 0.02) {
    RelabelInputs out;
    out.load_baseline = [] { return model::Decoder::load(kModel, model::Compute::kFloat32); };
    out.load_reinforced = [shake] { return shaken(shake); };
    out.baseline_digest = "stories";
    out.reinforced_digest = shake == 0 ? "stories" : "stories, shaken";
    out.tokenizer = &tokenizer();
    if (with_dictionary) out.dictionary = parse_dictionary(kDictionary, "test");
    std::string novel = io::read_text(nepenthe::testing::kNovel);
    out.documents = {novel.substr(novel.find("CHAPTER 2\n"), 6000),
                     novel.substr(novel.find("CHAPTER 2\n") + 6000, 2000)};
    return out;
}

RelabelOptions options() {
    RelabelOptions out;
    out.combine = Combine::kLogProbs;
    out.plausible = 0;
    out.alphas = {0, 2.5, 5};
    out.block = 64;
    out.seed = 5;
    return out;
}

TEST(Unembedding, HalfTheMemoryGivesTheSameBits) {
    torch::manual_seed(6);
    Unembedding head;
    head.weight = at::randn({20000, 48}).to(at::kBFloat16).to(at::kFloat);
    head.bias = at::randn({20000});
    const at::Tensor states = at::randn({5, 48});
    const Unembedding compact = head.compact();
    EXPECT_EQ(compact.weight.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(compact.logits(states).equal(head.logits(states)));
    head.weight[19999][47] = 1.0f + 0x1p-20f;  // no bf16
    EXPECT_EQ(head.compact().weight.scalar_type(), at::kFloat);
}

TEST(Relabel, ResidentAndSwappedModelsGiveTheSameBytes) {
    testing::SharedFolder resident(*testing::world), swapped(*testing::world);
    RelabelOptions choice = options();
    choice.activation_layers = {0, 1};
    choice.store_logits = true;
    choice.swap = Swap::kNever;
    const store::Artefact a = relabel(*testing::world, inputs(), choice, resident.path());
    choice.swap = Swap::kAlways;
    const store::Artefact b = relabel(*testing::world, inputs(), choice, swapped.path());
    EXPECT_EQ(a.digest(), b.digest());
    EXPECT_EQ(a.folder.filename(), b.folder.filename());
}

TEST(Relabel, AskedAgainItComputesNothing) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact first = relabel(*testing::world, inputs(), options(), folder.path());
    RelabelInputs no_models = inputs();
    no_models.load_baseline = []() -> model::Decoder { throw std::logic_error("must not be loaded"); };
    const store::Artefact second = relabel(*testing::world, no_models, options(), folder.path());
    EXPECT_EQ(first.folder, second.folder);
}

TEST(Relabel, LabelsAreWhatTheDefinitionSays) {
    testing::SharedFolder folder(*testing::world);
    RelabelOptions choice = options();
    choice.store_logits = true;
    const store::Artefact artefact = relabel(*testing::world, inputs(), choice, folder.path());
    const store::H5Reader file(artefact.folder / kLabelFile, kLabelFormat);
    const auto baseline = file.read<float>("/logits/baseline"), reinforced = file.read<float>("/logits/reinforced");
    const auto labels = file.read<std::int32_t>("/labels/2.5"), map = file.read<std::int32_t>("/map");
    const auto lse_b = file.read<float>("/lse/baseline"), lse_r = file.read<float>("/lse/reinforced");
    const std::size_t vocabulary = file.shape("/logits/baseline")[2];
    std::size_t checked = 0;
    for (std::size_t t = 0; t < labels.size(); ++t) {
        if (labels[t] == kNoLabel) continue;
        EXPECT_GE(map[t], 0);
        std::size_t best = 0;
        float best_v = -INFINITY;
        for (std::size_t id = 0; id < vocabulary; ++id) {
            const float v = kernels::combine_value(baseline[t * vocabulary + id] - lse_b[t],
                                                   reinforced[t * vocabulary + id] - lse_r[t], 2.5f);
            if (v > best_v) best = id, best_v = v;
        }
        ASSERT_EQ(labels[t], static_cast<std::int32_t>(best));
        ++checked;
    }
    EXPECT_GT(checked, 500u);
}

TEST(Relabel, AlphaZeroWithoutADictionaryIsTheBaselinesArgmax) {
    testing::SharedFolder folder(*testing::world);
    for (const Rules rules : {Rules::kImproved, Rules::kPublished}) {
        RelabelOptions choice = options();
        choice.rules = rules;
        choice.alphas = {0};
        const store::Artefact artefact = relabel(*testing::world, inputs(false), choice, folder.path());
        const LabelRows rows = read_labels(artefact.folder, "0");
        auto decoder = model::Decoder::load(kModel, model::Compute::kFloat32);
        const at::NoGradGuard no_gradients;
        for (std::size_t block = 0; block < 3; ++block) {
            const at::Tensor tokens = at::tensor(at::ArrayRef<std::int32_t>(rows.ids[block]), at::kLong).unsqueeze(0);
            const at::Tensor argmax = decoder.logits({tokens, {}})[0].argmax(-1);
            for (std::int64_t t = 0; t + 1 < argmax.size(0); ++t) {
                EXPECT_EQ(rows.labels[block][static_cast<std::size_t>(t)], argmax[t].item<std::int64_t>());
            }
            EXPECT_EQ(rows.labels[block].back(), kNoLabel);
        }
    }
}

TEST(Relabel, EqualModelsWithoutADictionaryAgreeForEveryAlpha) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = relabel(*testing::world, inputs(false, 0), options(), folder.path());
    const LabelRows zero = read_labels(artefact.folder, "0");
    EXPECT_EQ(zero.labels, read_labels(artefact.folder, "2.5").labels);
    EXPECT_EQ(zero.labels, read_labels(artefact.folder, "5").labels);
}

RelabelFromInputs stored(const store::Artefact& artefact, bool with_models) {
    RelabelFromInputs out{artefact.folder, artefact.digest(), {}, {}, {}, {}};
    if (!with_models) return out;
    const RelabelInputs models = inputs();
    out.load_baseline = models.load_baseline;
    out.load_reinforced = models.load_reinforced;
    out.baseline_digest = models.baseline_digest;
    out.reinforced_digest = models.reinforced_digest;
    return out;
}

// Any rule later gives what it would have given at once, where the models decide what the top-k cannot.
TEST(Relabel, AnyRuleFromAnArtefactEqualsTheDirectOne) {
    testing::SharedFolder folder(*testing::world);
    RelabelOptions first = options();
    first.top_k = 16;
    const store::Artefact artefact = relabel(*testing::world, inputs(), first, folder.path());
    for (const Combine combine : {Combine::kLogits, Combine::kLogProbs, Combine::kLogOdds}) {
        for (const double plausible : {0.0, 0.03, 0.3}) {
            RelabelOptions choice = first;
            choice.combine = combine;
            choice.plausible = plausible;
            choice.alphas = {1, 7};
            const store::Artefact direct = relabel(*testing::world, inputs(), choice, folder.path());
            const RelabelFromOptions rules{combine, plausible, {1, 7}};
            const store::Artefact exact = relabel_from(*testing::world, stored(artefact, true), rules, folder.path());
            EXPECT_EQ(read_labels(exact.folder, "1").labels, read_labels(direct.folder, "1").labels);
            EXPECT_EQ(read_labels(exact.folder, "7").labels, read_labels(direct.folder, "7").labels);
            // Where everything plausible is among the kept tokens the files are the same bytes, margins included.
            if (plausible > 0.1) {
                EXPECT_EQ(exact.digest(), direct.digest());
            }
            const store::Artefact alone = relabel_from(*testing::world, stored(artefact, false), rules, folder.path());
            for (const char* alpha : {"1", "7"}) {
                const LabelRows wanted = read_labels(direct.folder, alpha), got = read_labels(alone.folder, alpha);
                EXPECT_EQ(got.ids, wanted.ids);
                std::int64_t missing = 0;
                for (std::size_t block = 0; block < wanted.labels.size(); ++block) {
                    for (std::size_t t = 0; t < wanted.labels[block].size(); ++t) {
                        const std::int32_t label = got.labels[block][t];
                        EXPECT_TRUE(label == wanted.labels[block][t] || label == kNoLabel);
                        missing += label != wanted.labels[block][t];
                    }
                }
                const Json counts = alone.manifest.at("summary").at("alpha").at(alpha);
                EXPECT_EQ(counts.contains("without_label") ? counts.at("without_label").at("numerator") : Json(0),
                          missing);
            }
        }
    }
}

TEST(Relabel, FromAnArtefactOnlyItsOwnModelsDecide) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = relabel(*testing::world, inputs(), options(), folder.path());
    RelabelFromInputs others = stored(artefact, true);
    others.reinforced_digest = "another";
    testing::expect_contains(
        testing::message_of(ErrorKind::kData, [&] { relabel_from(*testing::world, others, {}, folder.path()); }),
        "another reinforced model");
    const RelabelFromOptions beyond{Combine::kLogits, 2.0, {5}};
    testing::expect_contains(
        testing::message_of(ErrorKind::kUsage,
                            [&] { relabel_from(*testing::world, stored(artefact, false), beyond, folder.path()); }),
        "plausible 2");
}

TEST(Relabel, LabelsOfAnotherModelOrTokenizerAreRefused) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = relabel(*testing::world, inputs(), options(), folder.path());
    EXPECT_NO_THROW(check_labels_belong(artefact.folder, "stories", tokenizer().digest()));
    try {
        check_labels_belong(artefact.folder, "another model", "another tokenizer");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_NE(std::string(error.what()).find("baseline model"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("tokenizer"), std::string::npos);
    }
    try {
        read_labels(artefact.folder, "3");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_NE(std::string(error.what()).find("0, 2.5, 5"), std::string::npos) << error.what();
    }
}

TEST(Relabel, RefusesWhatDoesNotBelongTogether) {
    testing::SharedFolder folder(*testing::world);
    const auto kind_of = [&](const RelabelInputs& what, const RelabelOptions& choice) {
        try {
            relabel(*testing::world, what, choice, folder.path());
        } catch (const Error& error) {
            return error.kind();
        }
        return ErrorKind::kInternal;
    };
    RelabelInputs no_hit = inputs();
    no_hit.dictionary = parse_dictionary(R"({"Gandalf": ["Wizard"]})", "test");
    EXPECT_EQ(kind_of(no_hit, options()), ErrorKind::kData);
    RelabelOptions bad = options();
    bad.alphas = {-1, 5, 5};
    bad.top_k = 1;
    EXPECT_EQ(bad.validate().size(), 3u);
    EXPECT_EQ(kind_of(inputs(), bad), ErrorKind::kUsage);
    RelabelOptions long_blocks = options();
    long_blocks.block = 100'000;
    EXPECT_EQ(kind_of(inputs(), long_blocks), ErrorKind::kData);
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Relabel, PrintsItsDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact =
        relabel(*testing::world, inputs(), options(), outputs ? std::filesystem::path(outputs) : folder.path());
    if (testing::world->is_root()) printf("digest %s\n", artefact.digest().c_str());
}

TEST(Audit, ShowsWhatChanged) {
    testing::SharedFolder folder(*testing::world);
    const store::Artefact artefact = relabel(*testing::world, inputs(), options(), folder.path());
    const Audit audit = audit_labels(artefact.folder, "5", tokenizer(), 10);
    EXPECT_GT(audit.total_hits, 10);
    EXPECT_EQ(audit.passages.size(), 10u);
    EXPECT_FALSE(audit.changes.empty());
    const std::string text = audit.to_text();
    EXPECT_NE(text.find("Ilvane"), std::string::npos);
    EXPECT_EQ(audit.to_json()["passages"].size(), 10u);
}

}  // namespace
}  // namespace nepenthe::unlearn
