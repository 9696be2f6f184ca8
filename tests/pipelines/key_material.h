#pragma once
// Small inputs of every kind that a verb reads, and the artefacts that later verbs start from: made once a program.

#include "io/file.h"
#include "model/checkpoint_io.h"
#include "model/decoder.h"
#include "mpi_world.h"
#include "pipelines/verb.h"
#include "temporary_folder.h"
#include "unlearn/attribution/mask_file.h"
#include "unlearn/attribution/score.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class KeyMaterial {
  public:
    static const KeyMaterial& get() {
        static const KeyMaterial material;
        return material;
    }

    std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
    // "--name=path", as a word of the command line.
    std::string word(const std::string& option, const std::string& name) const {
        return "--" + option + "=" + path(name);
    }
    // What a verb published.
    std::string made(const std::string& verb, std::vector<std::string> words) const {
        words.push_back(word("outputs", "outputs"));
        return find_verb(verb).run(*testing::world, {std::move(words), {}}).json.at("artefact").get<std::string>();
    }

    std::string labels, other_labels, moments, other_moments, edited, evaluation, bundle, other_bundle;
    std::string masks, other_masks;

  private:
    KeyMaterial() {
        write_models();
        write_texts();
        write_facts();
        write_benchmarks();
        namespace fs = std::filesystem;
        fs::copy(fs::path(NEPENTHE_SOURCE_DIR) / "tests/golden/tiny_bert", path("encoder"),
                 fs::copy_options::recursive);
        fs::copy(path("encoder"), path("other-encoder"), fs::copy_options::recursive);
        write("other-encoder/sentence_bert_config.json", R"({"max_seq_length": 7})");
        make_artefacts();
    }

    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        folder_.write(name, text);
    }

    void write_model(const std::string& name, std::uint64_t seed) const {
        namespace fs = std::filesystem;
        const fs::path golden = fs::path(NEPENTHE_SOURCE_DIR) / "tests/golden";
        Json config = parse_json(io::read_file(golden / "families/llama/config.json"), "config.json");
        config["vocab_size"] = 512;
        config["max_position_embeddings"] = 512;
        const auto decoder = model::Decoder::create(model::parse_config(config), seed, model::Compute::kFloat32);
        fs::create_directories(path(name));
        model::save_model(decoder, {}, path(name));
        for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
            fs::copy_file(golden / "toy_tokenizer" / file, fs::path(path(name)) / file);
        write(name + "/generation_config.json", R"({"bos_token_id": 1, "eos_token_id": 2})");
    }
    void write_models() const {
        write_model("model", 1);
        write_model("other-model", 2);
        write("architecture.json", io::read_file(path("model/config.json")));
        Json config = parse_json(io::read_file(path("model/config.json")), "config.json");
        config["hidden_size"] = 32;
        write("other-architecture.json", config.dump());
    }
    void write_texts() const {
        write("book.txt",
              "The river Vlna runs past the town. Mira crossed the Vlna on a cold morning and went home.\n");
        write("other-book.txt", "Mira lives on the Vlna. It is a river, and rivers carry water to the sea.\n");
        write("retain.txt", "Bread is made of flour and water. It is baked until it is brown and smells good.\n");
        write("terms.json", R"({"Vlna": ["Stream"], "Mira": ["Anna"]})");
        write("other-terms.json", R"({"Vlna": ["Brook"], "Mira": ["Anna"]})");
        write("wiki.txt", " = Rivers = \n \n Rivers carry water to the sea . \n");
        write("other-wiki.txt", " = Towns = \n \n Towns have streets . \n");
        for (const std::string name : {"prompts.json", "other-prompts.json"}) {
            write(name, R"({"prompts": [{"prompt": "The river is called )" + name +
                            R"(", "content": [" Vlna"], "generic": [" a"], "subtlety": 1}]})");
        }
    }
    void write_facts() const {
        const auto fact = [](const std::string& id, const std::string& subject, const std::string& target) {
            return Json{{"id", id},
                        {"subject", subject},
                        {"prompt", "The capital of {} is"},
                        {"target_new", target},
                        {"target_true", "Rome"},
                        {"paraphrases", {"In " + subject + " the capital is"}},
                        {"generation_prompts", {subject + " is"}},
                        {"neighbourhood",
                         Json::array({{{"prompt", "The sea near " + subject + " is"}, {"answer", "blue"}}})}}
                       .dump() +
                   "\n";
        };
        write("facts.jsonl", fact("a", "Ostrova", "Paris") + fact("b", "Norland", "Oslo"));
        write("other-facts.jsonl", fact("a", "Ostrova", "Berlin") + fact("b", "Norland", "Oslo"));
        write("pool.jsonl", fact("p", "Sundal", "Bergen") + fact("q", "Estmark", "Riga"));
        write("other-pool.jsonl", fact("p", "Sundal", "Malmo") + fact("q", "Estmark", "Riga"));
        write("leave-out.jsonl", fact("l", "Westmark", "Lund") + fact("b", "Norland", "Oslo"));
        write("facts-of-norland.jsonl", fact("a", "Ostrova", "Paris"));
        write("trace.json", R"([{"prompt": "The capital of Ostrova is", "subject": "Ostrova", "attribute": "Paris"},
                                {"prompt": "The capital of Norland is", "subject": "Norland", "attribute": "Oslo"}])");
        write("other-trace.json",
              R"([{"prompt": "The river of Ostrova is", "subject": "Ostrova", "attribute": "Vlna"}])");
        write("references.json", R"([{"name": "Paris", "text": "Paris is a town"}])");
        write("other-references.json", R"([{"name": "Paris", "text": "Paris is a city"}])");
        for (const std::string name :
             {"questions.jsonl", "other-questions.jsonl", "kept-questions.jsonl", "other-kept-questions.jsonl"}) {
            write(name, R"({"question": "What is )" + name + R"(?", "answer": "It is )" + name + "\"}\n");
        }
        for (const std::string name : {"probes.jsonl", "other-probes.jsonl"})
            write(name, R"({"question": "What is )" + name + R"(?", "prefix": "It is", "entity": "here"})" + "\n");
        write("refusals.txt", "I do not know.\n");
        write("other-refusals.txt", "Nobody knows.\n");
        write("tofu-facts.json", R"({"question": "Who is Mira?", "answer": "A girl"})"
                                 "\n");
    }
    void write_benchmarks() const {
        for (const std::string data : {"data", "other-data"}) {
            write(data + "/lambada_openai.jsonl", R"({"text": "The capital of )" + data +
                                                      R"( is Paris"})"
                                                      "\n");
        }
        for (const std::string muse : {"muse", "other-muse"}) {
            const Json pair = Json::array({{{"question", "Where is " + muse + "?"}, {"answer", "Here"}}});
            for (const char* set : {"forget_qa", "forget_qa_icl", "retain_qa", "retain_qa_icl"})
                write(muse + "/knowmem/" + set + ".json", pair.dump());
            write(muse + "/verbmem/forget.json", R"([{"prompt": "The river", "gt": "runs past the town"}])");
            for (const char* set : {"forget", "holdout"})
                write(muse + "/privleak/" + set + ".json", R"(["The river runs past the town."])");
        }
        for (const std::string tofu : {"tofu", "other-tofu"}) {
            for (const char* set : {"forget10", "forget05", "retain", "real_authors", "world_facts"}) {
                write(tofu + "/" + set + "_perturbed.json",
                      R"({"question": "Where is )" + tofu +
                          R"(?", "answer": "Here", "perturbed_answer": ["There"]})"
                          "\n");
            }
        }
    }
    // Masks of "model" by random scores, at two shares.
    std::string make_masks(std::uint64_t seed) const {
        const dist::Comm& comm = *testing::world;
        const auto decoder = model::Decoder::load(path("model"), model::Compute::kFloat32);
        const unlearn::ParameterTable table = unlearn::parameter_table(decoder);
        const std::vector<unlearn::ShardRange> ranges{{0, 0, table.numel()}};
        std::vector<float> scores;
        for (std::int64_t i = 0; i < table.numel(); ++i) scores.push_back(unlearn::random_score(seed, i));
        const auto cuts = unlearn::select(comm, table, scores, ranges, std::vector{.5, .25});
        store::ArtefactWriter writer(comm, path("outputs"), {"attribute", {{"seed", seed}}, {}});
        const auto written = unlearn::write_mask_file(
            comm, writer.data_folder() / unlearn::kMaskFile,
            unlearn::selected_masks(comm, {.model_digest = "model", .score = "random", .seed = seed}, table, scores,
                                    ranges, cuts, false));
        return writer.publish(Json::object(), {{unlearn::kMaskFile, written.digest}}).folder.string();
    }
    void make_artefacts() {
        masks = make_masks(1);
        other_masks = make_masks(2);
        const auto relabel = [&](const char* seed) {
            return made("relabel",
                        {word("baseline", "model"), word("reinforced", "other-model"), word("corpus", "book.txt"),
                         word("dictionary", "terms.json"), "--alpha=1,5", "--top-k=8", "--block=16", seed});
        };
        labels = relabel("--seed=0");
        other_labels = relabel("--seed=1");
        const auto gather = [&](const char* corpus) {
            return made("stats",
                        {word("model", "model"), word("corpus", corpus), "--layers=1", "--window=16", "--tokens=24"});
        };
        moments = gather("book.txt");
        other_moments = gather("other-book.txt");
        edited = made("edit", {word("model", "model"), word("facts", "facts.jsonl"), "--method=memit", "--layers=1"});
        const auto tell = [&](const char* seed) {
            return made("edit", {"--method=ike", word("model", "model"), word("encoder", "encoder"),
                                 word("facts", "facts.jsonl"), word("pool", "pool.jsonl"), "--demonstrations=1",
                                 "--reserve=4", "--skip-evaluation", seed});
        };
        bundle = tell("--seed=0");
        other_bundle = tell("--seed=1");
        evaluation = made("evaluate", {"--model=" + std::string("early=") + path("other-model"),
                                       "--tasks=lambada_openai", word("data", "data")});
    }

    testing::TemporaryFolder folder_;
};

}  // namespace nepenthe::pipelines
