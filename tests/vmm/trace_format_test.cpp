#include "sim/byte_source.hpp"
#include "sim/text_trace.hpp"
#include "sim/trace_format.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstring>
#include <string>
#include <vector>

namespace trace_format_test {

using namespace twofold;
using namespace twofold::vmm;
using namespace twofold::test;

namespace {

std::vector<TraceAccess> all_of(AccessSource& source, std::size_t batch_size = 3) {
    std::vector<TraceAccess> all;
    std::vector<TraceAccess> batch(batch_size);
    while (auto const count = source.next(batch))
        all.insert(all.end(), batch.begin(), batch.begin() + static_cast<long>(count));
    return all;
}

std::vector<TraceAccess> read_back(std::string_view contents, std::string const& name = "trace") {
    TemporaryDirectory directory;
    write_file(directory.file(name), contents);
    return all_of(*open_trace(directory.file(name), std::nullopt));
}

std::string words(std::initializer_list<std::uint64_t> list) {
    std::string bytes;
    for (auto const word : list)
        bytes.append(reinterpret_cast<char const*>(&word), sizeof word);
    return bytes;
}

std::vector<TraceAccess> const three{{Gva{0x1000}, Access::read},
                                     {Gva{0xffff'8000'0000'0008}, Access::write},
                                     {Gva{0x40'0000}, Access::execute}};

} // namespace

TEST_CASE("the text format is read back, with comments and blank lines") {
    CHECK(read_back("# mine\nr 0x1000\n\nw ffff800000000008\nx 0x400000\n") == three);
}

TEST_CASE("the binary format keeps kinds and canonical addresses") {
    std::string bytes{binary_trace_magic};
    for (auto const& access : three)
        bytes += words({binary_record(access)});
    CHECK(read_back(bytes) == three);
}

TEST_CASE("lackey's lines are accesses, Valgrind's own are not") {
    CHECK(
        read_back("==12== Lackey\nI  00400000,3\n L 1000,8\n S 2000,4\n M 3000,8\n==12== end\n") ==
        std::vector<TraceAccess>{{Gva{0x40'0000}, Access::execute},
                                 {Gva{0x1000}, Access::read},
                                 {Gva{0x2000}, Access::write},
                                 {Gva{0x3000}, Access::write}});
}

TEST_CASE("a ChampSim record is its instruction, its loads and its stores") {
    std::string const record = words({0x40'0000, 0, 0x2000, 0, 0x1000, 0x1008, 0, 0});
    REQUIRE(record.size() == 64);
    std::vector<TraceAccess> const expected{{Gva{0x40'0000}, Access::execute},
                                            {Gva{0x1000}, Access::read},
                                            {Gva{0x1008}, Access::read},
                                            {Gva{0x2000}, Access::write}};
    CHECK(read_back(record) == expected);
}

TEST_CASE("gzip and xz are unpacked on the way, by content") {
    TemporaryDirectory directory;
    for (std::string const tool : {"gzip", "xz"}) {
        auto const path = directory.file("trace");
        write_file(path, "r 0x1000\nw 0xffff800000000008\nx 0x400000\n");
        auto const packed = directory.file("packed");
        REQUIRE(run_command({.words = {tool, "-kc", path.string()},
                             .environment = {},
                             .output_file = packed.string()})
                    .status == 0);
        CHECK(all_of(*open_trace(packed, std::nullopt)) == three);
        auto whole = read_file(packed, 4096);
        write_file(packed, std::span{whole}.first(whole.size() - 6));
        try {
            (void)all_of(*open_trace(packed, std::nullopt));
            FAIL("a cut file was read");
        } catch (Failure const& failure) {
            std::string const text = failure.what();
            CHECK(text.starts_with("can't read " + packed.string() + ": "));
            CHECK(text.find("<fd:") == std::string::npos);
        }
    }
}

TEST_CASE("what is wrong in a trace is named by its file and place") {
    auto const failure_of = [](std::string_view contents) -> std::string {
        try {
            (void)read_back(contents, "bad.trace");
        } catch (Failure const& failure) {
            return failure.what();
        }
        return "none";
    };
    CHECK(failure_of("r 0x1000\nq 0x1000\n").find("bad.trace, line 2") != std::string::npos);
    CHECK(failure_of("r 12zz\n").find("line 1") != std::string::npos);
    CHECK(failure_of(std::string{binary_trace_magic} + words({3})).find("kind 3") !=
          std::string::npos);
    CHECK(failure_of(std::string{binary_trace_magic} + "abc").find("within a record") !=
          std::string::npos);
    CHECK(failure_of(words({1, 2, 3})).find("within a record") != std::string::npos);
    CHECK_THROWS_AS(open_trace("/nowhere/trace", std::nullopt), Failure);
    CHECK_THROWS_AS(trace_format_named("elf"), UsageError);
}

} // namespace trace_format_test
