// Runs `twofold run` and gives what it says.
#pragma once

#include "support/command.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace twofold::test {

/// `twofold run ARGUMENTS --json -` as JSON; the console is in it.
inline nlohmann::json run_guests(std::vector<std::string> arguments) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run", "--json", "-"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto const result = run_command({words});
    if (result.out.empty()) throw std::runtime_error{result.err};
    return nlohmann::json::parse(result.out);
}

} // namespace twofold::test
