// Runs `twofold run` and gives what it says.
#pragma once

#include "support/command.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <stdexcept>
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

/// The lines of its console, for which of several guests prints first is not certain.
inline std::vector<std::string> sorted_lines(nlohmann::json const& run) {
    std::istringstream text{run["console"].get<std::string>()};
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);)
        lines.push_back(line);
    std::ranges::sort(lines);
    return lines;
}

} // namespace twofold::test
