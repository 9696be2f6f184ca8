#pragma once
// The options of a verb: declared once, read from defaults, --config FILE, NEPENTHE_* environment and flags (last
// wins), checked all at once. Numbers are read whole (base/number.h), lists as pipelines/list_entries.h says.

#include "base/error.h"
#include "base/json.h"
#include "pipelines/list_entries.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nepenthe::pipelines {

enum class OptionKind { kText, kChoice, kWhole, kReal, kSeconds, kFlag, kPath, kNamedPath, kAssignment };

// What there is to know about an option without parsing anything.
struct OptionInfo {
    std::string name, help, default_text;
    OptionKind kind = OptionKind::kText;
    bool is_list = false;
    std::vector<std::string> choices;  // of kChoice: every word that is accepted, and no other
    std::vector<std::string> aliases;  // former names, still understood
};

// Thrown by Options::parse when --help was asked for.
struct HelpRequested {
    std::string text;
    std::vector<OptionInfo> options;
};

// Thrown by Options::parse instead of returning where Arguments::only_check is set and nothing is wrong.
struct OptionsChecked {};

// Where the values of one invocation come from.
struct Arguments {
    std::vector<std::string> words;  // what follows the verb on the command line
    // Relative paths among the words count from here; a recipe's stages set it to the recipe's folder, empty = the
    // working folder. Paths from environment and config file count from the working folder.
    std::filesystem::path base_folder;
    // Values for options that the verb may have or not, under the words: what `run` hands on to its stages.
    std::map<std::string, std::string> inherited{};
    std::vector<std::string> verbs{};  // the sections that a config file may have; empty = any
    bool only_check = false;
    std::set<std::string> answered{};  // with only_check: options whose words are not known before earlier stages ran
};

// What every invocation takes beside the options of its verb.
struct GlobalOptions {
    bool json = false, verbose = false;
    bool allow_links = false;  // weights may be symbolic links out of their model folder
    double hang_timeout = 0;   // seconds; 0 = never
};

class Options {
  public:
    Options(std::string verb, std::string summary, std::string example);

    // The value there is before parsing is the default. Lists take commas and repetition. Numbers below `least` are
    // refused, as are infinities and NaN.
    void add(const std::string& name, std::string& value, const std::string& help);
    void add(const std::string& name, std::filesystem::path& value, const std::string& help);
    void add(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help);
    void add(const std::string& name, std::vector<NamedPath>& value, const std::string& help);
    void add(const std::string& name, std::vector<std::string>& value, const std::string& help);
    void add(const std::string& name, std::vector<double>& value, const std::string& help);
    void add(const std::string& name, std::vector<std::int64_t>& value, const std::string& help,
             std::int64_t least = std::numeric_limits<std::int64_t>::min());
    void add(const std::string& name, std::int64_t& value, const std::string& help,
             std::int64_t least = std::numeric_limits<std::int64_t>::min());
    void add(const std::string& name, std::uint64_t& value, const std::string& help);
    void add(const std::string& name, double& value, const std::string& help,
             double least = std::numeric_limits<double>::lowest());
    void add(const std::string& name, bool& value, const std::string& help);
    // NAME=VALUE, each name once.
    void add(const std::string& name, std::map<std::string, std::string>& value, const std::string& help);
    // Layer numbers from 0, ranges as "4-8".
    void add_layers(const std::string& name, std::vector<std::int64_t>& value, const std::string& help);
    // A time in seconds; it may be written with a unit ("10m").
    void add_seconds(const std::string& name, double& value, const std::string& help);
    // One, or some, of `choices`.
    void add(const std::string& name, std::string& value, const std::vector<std::string>& choices,
             const std::string& help);
    void add(const std::string& name, std::vector<std::string>& value, const std::vector<std::string>& choices,
             const std::string& help);
    // Another name by which an option is found; no help names it.
    void add_alias(const std::string& alias, const std::string& name);
    // The option that words without a name go to ("run RECIPE").
    void set_positional(const std::string& name) { positional_ = name; }
    void require(const std::string& name) { required_.emplace_back(name, ""); }
    // Must be given where `instead` is not.
    void require_unless(const std::string& instead, const std::string& name) { required_.emplace_back(name, instead); }
    // Options that --help only names, so that it fits a screen; --help-all explains them.
    void set_rare(std::vector<std::string> names) { rare_ = std::move(names); }
    // The same, by the others of those declared so far.
    void explain_only(const std::vector<std::string>& names);
    // Options of other forms of this verb (another --method): a config file may hold them, words may not.
    void set_elsewhere(std::vector<std::string> names) { elsewhere_ = {names.begin(), names.end()}; }

    // Throws HelpRequested, or Error(kUsage) that lists every problem. Whether an option was given is known afterwards.
    void parse(const Arguments& arguments);
    // Reads what is declared and ignores everything else and everything that is wrong: for what must be known before
    // the verb's own options are (--hang-timeout, --method). No problem is lost, parse() finds it again.
    void peek(const Arguments& arguments);
    bool given(const std::string& name) const { return given_.count(name) > 0; }
    // Given in this invocation's own words. What a --config file or the environment says holds for many invocations:
    // not each needs to read it.
    bool said(const std::string& name) const { return said_.count(name) > 0; }
    // Adds a problem for each of `names` that was said although nothing reads it: "--NAME is read WHERE: leave it out".
    void refuse_unread(const std::vector<std::string>& names, const std::string& where, Problems& problems) const;
    const GlobalOptions& global() const { return global_; }

    // Of everything declared so far, without those that every verb has.
    std::vector<std::string> names() const;
    std::vector<OptionInfo> infos() const;
    // All values after parsing, for provenance.
    Json effective() const;
    std::string help(bool all = false) const;

  private:
    // Words for one option from one source, and how a message names them.
    struct Given {
        std::vector<std::string> words;
        std::string label;
        std::filesystem::path base;
    };
    using Source = std::map<std::string, Given>;
    struct Option {
        OptionInfo info;
        std::function<void(const Given&)> set;  // throws std::string on a bad value
        std::function<Json()> get;
        bool is_global = false;
    };
    void declare(OptionInfo info, std::function<void(const Given&)> set, std::function<Json()> get);
    const Option* find(const std::string& name) const;
    Source from_words(const Arguments& arguments, Problems& problems) const;
    Source from_file(const Arguments& arguments, const std::filesystem::path& path, Problems& problems) const;
    Source from_environment() const;
    void read(const Arguments& arguments, Problems& problems);
    std::string unknown(const std::string& name) const;

    std::string verb_, summary_, example_, positional_;
    std::vector<Option> options_;
    std::map<std::string, std::string> aliases_;
    std::vector<std::pair<std::string, std::string>> required_;  // name, and what may be given in its place or ""
    std::vector<std::string> rare_;
    std::set<std::string> elsewhere_, given_, said_;
    std::filesystem::path config_file_;
    GlobalOptions global_;
};

// "learning-rate" → "NEPENTHE_LEARNING_RATE".
std::string environment_name(const std::string& option);

}  // namespace nepenthe::pipelines
