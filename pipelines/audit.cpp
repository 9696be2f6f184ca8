#include "audit/policy.h"
#include "audit/relearn.h"
#include "audit/verdict.h"
#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/audit_report.h"
#include "pipelines/evaluation_files.h"
#include "pipelines/list_entries.h"
#include "pipelines/stage.h"
#include "pipelines/written_options.h"

#include <set>

namespace nepenthe::pipelines {

namespace {

// What every model is called in the evaluations: one that was measured in one role is found again in another.
constexpr const char* kModelName = "model";

struct AuditStage {
    CommonOptions common;
    std::filesystem::path policy_file;
    Json written;  // the policy as it stands in its file
    audit::Policy policy;
    std::map<audit::Subject, std::filesystem::path> models;
    store::ArtefactKey key;
};

// One attack on one model, as an invocation of its verb.
struct Part {
    std::size_t attack;
    audit::Subject subject;
    const Verb& verb;
    Arguments arguments;
};

Part part_of(const AuditStage& stage, std::size_t attack, audit::Subject subject, const Arguments& audit) {
    const audit::Attack& what = stage.policy.attacks[attack];
    const bool relearns = what.relearn.is_object();
    const CommonOptions& common = stage.common;
    Part part{attack, subject, find_verb(relearns ? "relearn" : "evaluate"), {}};
    const std::string model = stage.models.at(subject).string();
    part.arguments.words = option_words(what.measure);
    if (relearns) {
        for (std::string& word : option_words(what.relearn)) part.arguments.words.push_back(std::move(word));
        part.arguments.words.push_back("--model=" + model);
    } else {
        part.arguments.words.push_back("--model=" + quoted_entry(fmt::format("{}={}", kModelName, model)));
    }
    part.arguments.base_folder = std::filesystem::absolute(stage.policy_file).parent_path();
    part.arguments.inherited = {{"outputs", std::filesystem::absolute(common.outputs).string()},
                                {"threads", std::to_string(common.threads)},
                                {"seed", std::to_string(common.seed)},
                                {"dtype", common.dtype},
                                {"device", common.device}};
    part.arguments.verbs = audit.verbs;
    return part;
}

std::vector<Part> parts_of(const AuditStage& stage, const Arguments& audit) {
    std::vector<Part> parts;
    for (std::size_t attack = 0; attack < stage.policy.attacks.size(); ++attack) {
        for (const auto& [subject, path] : stage.models) parts.push_back(part_of(stage, attack, subject, audit));
    }
    return parts;
}

std::string attack_words(const AuditStage& stage, std::size_t attack) {
    return attack == 0 ? "\"measure\"" : "attack \"" + stage.policy.attacks[attack].name + "\"";
}

void check_options(const AuditStage& stage, std::size_t attack, Problems& problems) {
    const audit::Attack& what = stage.policy.attacks[attack];
    for (const Json* options : {&what.measure, &what.relearn}) {
        if (!options->is_object()) continue;
        check_written_options(*options, attack_words(stage, attack), "audit", problems);
        if (options->contains("model"))
            problems.add("{}: \"model\" is the audit's to say", attack_words(stage, attack));
    }
}

// Collective. The keys of all that is measured, by attack and model. Whatever is wrong with an attack's options and
// files is told here, of all attacks, before the first of them takes its hours.
std::map<std::string, std::string> keys_of(const dist::Comm& comm, const AuditStage& stage,
                                           const Arguments& arguments) {
    const std::string title = "policy " + stage.policy.name;
    Problems problems;
    for (std::size_t i = 0; i < stage.policy.attacks.size(); ++i) check_options(stage, i, problems);
    problems.throw_if_any(ErrorKind::kUsage, title);
    std::map<std::string, std::string> keys;
    ErrorKind kind = ErrorKind::kUsage;
    std::set<std::size_t> refused;
    for (const Part& part : parts_of(stage, arguments)) {
        const std::string& attack = stage.policy.attacks[part.attack].name;
        if (refused.contains(part.attack)) continue;
        try {
            keys[fmt::format("{}:{}", attack, audit::subject_name(part.subject))] =
                part.verb.key(comm, part.arguments).digest();
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kUsage && error.kind() != ErrorKind::kData) throw;
            kind = error.kind();
            refused.insert(part.attack);
            problems.add("{}, the {} model: {}", attack_words(stage, part.attack), audit::subject_name(part.subject),
                         error.what());
        }
    }
    problems.throw_if_any(kind, title);
    return keys;
}

// Collective. The options, the policy, and the key: what is asked, and the keys of what answers it.
AuditStage prepare_audit(const dist::Comm& comm, const Arguments& arguments) {
    AuditStage stage;
    std::map<std::string, std::string> variables;
    std::filesystem::path model, before, retrained, untrained;
    Options options("audit", "has a model forgotten, or does it only keep quiet: attacks and a policy",
                    "mpirun -n 2 nepenthe audit policy.json --model outputs/forget-… --before gemma-3-270m");
    options.add("policy", stage.policy_file, "JSON file: what is measured, the attacks, the lines that must hold");
    options.add("set", variables, "NAME=VALUE of a variable of the policy; a list");
    options.add("model", model, "the model that is audited");
    options.add("before", before, "the model before anything was forgotten");
    options.add("retrained", retrained, "a model trained like it on everything but what was to be forgotten");
    options.add("untrained", untrained, "a model that never saw the like");
    stage.common.declare(options);
    options.set_positional("policy");
    options.require("policy");
    options.require("model");
    options.parse(arguments);
    stage.common.apply(comm);

    Problems problems;
    const std::string file = stage.policy_file.string();
    Json written = parse_json(io::read_file(stage.policy_file, 16u << 20), file);
    stage.written = written;
    if (written.is_object()) {
        const auto values =
            resolve_variables(written.value("variables", Json::object()), variables, "the policy", problems);
        substitute_variables(written, values, problems);
        problems.throw_if_any(ErrorKind::kUsage, file);
    }
    stage.policy = audit::read_policy(written, stage.policy_file.stem().string());
    const std::pair<audit::Subject, std::filesystem::path> given[] = {{audit::Subject::kAudited, model},
                                                                      {audit::Subject::kBefore, before},
                                                                      {audit::Subject::kRetrained, retrained},
                                                                      {audit::Subject::kUntrained, untrained}};
    for (const auto& [subject, path] : given) {
        if (!path.empty()) stage.models[subject] = std::filesystem::absolute(path);
    }
    stage.key.stage = "audit";
    // What stands where is no part of what is asked: the keys of the parts hold what the files held.
    stage.key.options = {{"report", kAuditReportVersion}};
    for (const char* part : {"name", "help", "judged", "lines"}) stage.key.options[part] = written.value(part, Json());
    stage.key.options["name"] = stage.policy.name;
    stage.key.inputs = keys_of(comm, stage, arguments);
    return stage;
}

audit::Steps read_part(const Part& part, const store::Artefact& artefact) {
    if (std::string_view(part.verb.name) == "relearn") return audit::read_points(artefact.folder);
    return {{0, read_evaluation(artefact, "audit").front().results}};
}

Json line_json(const audit::Policy& policy, const audit::Line& line, const audit::Verdict& verdict) {
    const auto limit = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
    const auto other = [](const std::optional<audit::Subject>& subject) {
        return subject ? Json(audit::subject_name(*subject)) : Json();
    };
    return {{"name", line.name},
            {"metric", line.task + "/" + line.metric},
            {"attack", policy.attacks[line.attack].name},
            {"step", verdict.step},
            {"minus", other(line.minus)},
            {"over", other(line.over)},
            {"at_most", limit(line.at_most)},
            {"at_least", limit(line.at_least)},
            {"value", finite_or_null(verdict.value)},
            {"ci95", {finite_or_null(verdict.low), finite_or_null(verdict.high)}},
            {"sampling_units", verdict.clusters},
            {"outcome", audit::outcome_name(verdict.outcome)},
            {"reason", verdict.reason}};
}

std::string verdict_text(const Json& verdicts) {
    std::string text;
    for (const Json& line : verdicts.at("lines")) {
        const Json& value = line.at("value");
        text += fmt::format("{:<5} {}", line.at("outcome").get<std::string>(), line.at("name").get<std::string>());
        if (value.is_number()) text += fmt::format(": {:.4g} {}", value.get<double>(), limits_text(line));
        if (const auto reason = line.at("reason").get<std::string>(); !reason.empty()) text += ": " + reason;
        text += "\n";
    }
    return text + fmt::format("{} of {} lines hold, {} fail, {} are open\n", verdicts.at("passed").get<int>(),
                              verdicts.at("lines").size(), verdicts.at("failed").get<int>(),
                              verdicts.at("open").get<int>());
}

Answer audit_answer(const store::Artefact& artefact) {
    Answer answer = artefact_answer(artefact, "audit");
    answer.json["verdicts"] = parse_json(io::read_file(artefact.folder / "verdicts.json"), "verdicts.json");
    answer.json["page"] = (artefact.folder / "report.html").string();
    answer.text += verdict_text(answer.json["verdicts"]);
    return answer;
}

// Collective. All attacks, the verdicts, the page.
store::Artefact make_audit(const dist::Comm& comm, const AuditStage& stage, const Arguments& arguments) {
    if (auto existing = store::find_artefact(comm, stage.common.outputs, stage.key)) return *existing;
    const std::vector<Part> parts = parts_of(stage, arguments);
    audit::Measured measured(stage.policy.attacks.size());
    Json artefacts = Json::array();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Part& part = parts[i];
        log_info("part {} of {}: {}, the {} model", i + 1, parts.size(), attack_words(stage, part.attack),
                 audit::subject_name(part.subject));
        const Answer answer = part.verb.run(comm, part.arguments);
        const std::filesystem::path folder = answer.json.at("artefact").get<std::string>();
        artefacts.push_back({{"attack", stage.policy.attacks[part.attack].name},
                             {"subject", audit::subject_name(part.subject)},
                             {"artefact", folder.filename().string()},
                             {"digest", answer.json.at("digest")}});
        dist::run_agreed(comm, "read what was measured",
                         [&] { measured[part.attack][part.subject] = read_part(part, store::open_artefact(folder)); });
    }
    Json verdicts = {{"policy", stage.policy.name}, {"parts", artefacts}, {"lines", Json::array()}};
    std::map<audit::Outcome, int> counts;
    for (const audit::Line& line : stage.policy.lines) {
        const audit::Verdict verdict = audit::judge(stage.policy, line, measured);
        ++counts[verdict.outcome];
        verdicts["lines"].push_back(line_json(stage.policy, line, verdict));
    }
    verdicts["passed"] = counts[audit::Outcome::kPass];
    verdicts["failed"] = counts[audit::Outcome::kFail];
    verdicts["open"] = counts[audit::Outcome::kOpen];
    store::ArtefactWriter writer(comm, stage.common.outputs, stage.key);
    dist::run_agreed(comm, "write the audit", [&] {
        if (!comm.is_root()) return;
        io::write_file_atomically(writer.data_folder() / "policy.json", json_text(stage.written, 2) + "\n");
        io::write_file_atomically(writer.data_folder() / "verdicts.json", json_text(verdicts, 2) + "\n");
        io::write_file_atomically(writer.data_folder() / "report.html", audit_report(stage.policy, measured, verdicts));
    });
    return writer.publish({{"passed", verdicts["passed"]}, {"failed", verdicts["failed"]}, {"open", verdicts["open"]}});
}

}  // namespace

store::ArtefactKey audit_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_audit(comm, arguments).key;
}

Answer run_audit(const dist::Comm& comm, const Arguments& arguments) {
    const AuditStage stage = prepare_audit(comm, arguments);
    Answer answer = audit_answer(make_audit(comm, stage, arguments));
    if (answer.json["verdicts"].at("failed").get<int>() > 0)
        fail(ErrorKind::kGate, "audit {}:\n{}The page: {}", stage.policy.name, verdict_text(answer.json["verdicts"]),
             answer.json["page"].get<std::string>());
    return answer;
}

}  // namespace nepenthe::pipelines
