#include "catch.hpp"

#include <twofold/arch/exception.hpp>

#include <set>
#include <string_view>

namespace exception_test {

using namespace twofold;

TEST_CASE("each exception has a name of its own, and what lies above is an interrupt") {
    std::set<std::string_view> names;
    for (std::uint8_t vector = 0; vector < exception_vectors; ++vector)
        names.insert(exception_name(vector));
    CHECK(names.size() == exception_vectors);
    CHECK(exception_name(exception::double_fault) == "#DF double fault");
    CHECK(exception_name(exception::general_protection) == "#GP general protection");
    CHECK(exception_name(exception::page_fault) == "#PF page fault");
    CHECK(exception_name(exception::machine_check) == "#MC machine check");
    for (unsigned vector = exception_vectors; vector < 256; ++vector)
        CHECK(exception_name(static_cast<std::uint8_t>(vector)) == "external interrupt");
}

TEST_CASE("error codes come with those vectors that the manuals name") {
    std::set<unsigned> const with{8, 10, 11, 12, 13, 14, 17, 21, 29, 30};
    for (unsigned vector = 0; vector < 256; ++vector)
        CHECK(exception_has_error_code(static_cast<std::uint8_t>(vector)) ==
              (with.count(vector) == 1));
}

TEST_CASE("a page fault's error code says what was tried and why it failed") {
    struct Case {
        std::uint64_t code;
        std::string_view access;
        std::string_view reason;
    };
    for (Case const& one : {
             Case{0x00, "read of", "no page is present there"},
             Case{0x02, "write to", "no page is present there"},
             Case{0x03, "write to", "not allowed there"},
             Case{0x05, "read of", "not allowed there"},
             Case{0x10, "execution of", "no page is present there"},
             Case{0x11, "execution of", "not allowed there"},
             Case{0x0b, "write to", "a reserved bit is set in a paging-structure entry"},
         }) {
        PageFaultCode const code{one.code};
        CHECK(code.access_text() == one.access);
        CHECK(code.reason_text() == one.reason);
    }
    CHECK(PageFaultCode{0x04}.user());
    CHECK_FALSE(PageFaultCode{0x03}.user());
}

} // namespace exception_test
