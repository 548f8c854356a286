#include "cli/number_check.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace twofold::vmm {

namespace {

template <class Holds>
CLI::Validator check(Holds holds, char const* wanted) {
    return {[holds, wanted](std::string const& text) {
                char* end = nullptr;
                double const value = std::strtod(text.c_str(), &end);
                bool const good = end != text.c_str() && *end == '\0' && holds(value);
                return good ? std::string{} : fmt::format("'{}' is not {}", text, wanted);
            },
            ""};
}

} // namespace

CLI::Validator above_zero() {
    return check([](double value) { return value > 0; }, "a number above 0");
}

CLI::Validator not_negative() {
    return check([](double value) { return value >= 0; }, "a number, 0 or more");
}

} // namespace twofold::vmm
