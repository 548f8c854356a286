#include "report/record_reader.hpp"
#include "report/walk_json.hpp"
#include "report/walk_shape.hpp"
#include "report/walk_text.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace walk_test {

using namespace twofold;
using namespace twofold::vmm;
using twofold::test::holds;

namespace {

constexpr PageSize sizes[] = {page_4k, page_2m, page_1g};

unsigned leaf_level(PageSize size) { return 1 + (size.shift() - 12) / 9; }

/// A made-up walk of the right shape: guest levels 4 to that of `guest_page`, each after an EPT
/// walk.
record::Walk nested_walk(PageSize guest_page, PageSize host_page) {
    record::Walk walk{.guest = 0,
                      .gva = 0x600010,
                      .gpa = 0x600010,
                      .hpa = 0x1234010,
                      .page_size = std::min(guest_page, host_page),
                      .guest_page = guest_page,
                      .host_page = host_page,
                      .native = false,
                      .references = {},
                      .fault = std::nullopt};
    std::uint64_t address = 0x1000;
    auto const ept_walk = [&] {
        for (unsigned level = 4; level >= leaf_level(host_page); --level) {
            walk.references.push_back(
                {Dimension::ept, level, address += 0x1000, 0xa000'0037, std::nullopt});
        }
    };
    for (unsigned level = 4; level >= leaf_level(guest_page); --level) {
        ept_walk();
        walk.references.push_back(
            {Dimension::guest, level, address += 0x1000, 0x8000'0000'b000'0063, address});
    }
    ept_walk();
    return walk;
}

record::Walk native_walk(PageSize page) {
    record::Walk walk = nested_walk(page, page_4k);
    std::erase_if(walk.references, [](auto const& r) { return r.dimension == Dimension::ept; });
    walk.native = true;
    walk.host_page.reset();
    return walk;
}

/// The known numbers for 4-level tables in both dimensions, guest page by EPT page.
constexpr std::size_t known[3][3] = {{24, 19, 14}, {19, 15, 11}, {14, 11, 8}};

} // namespace

TEST_CASE("the closed form gives the known numbers for all nine pairs of page sizes") {
    for (std::size_t g = 0; g < 3; ++g) {
        for (std::size_t h = 0; h < 3; ++h)
            CHECK(closed_form(sizes[g], sizes[h]) == known[g][h]);
        CHECK(closed_form(sizes[g], std::nullopt) == 4 - g);
    }
    CHECK(closed_form_text(nested_walk(page_4k, page_2m)) == "(g+1)(h+1)-1 = (4+1)(3+1)-1 = 19");
}

TEST_CASE("a walk's shape is one step a guest level and one for the final gpa") {
    for (PageSize const guest : sizes) {
        for (PageSize const host : sizes) {
            auto const walk = nested_walk(guest, host);
            CHECK(walk.references.size() == closed_form(guest, host));
            auto const shape = shape_of(walk);
            CHECK(shape.guest_references() == 5 - leaf_level(guest));
            CHECK(shape.steps.size() == shape.guest_references() + 1);
            CHECK(shape.uniform_ept_references() == 5 - leaf_level(host));
            CHECK_FALSE(shape.steps.back().guest);
        }
    }
}

TEST_CASE("the text numbers every reference once, in order, and states the total and what it is") {
    auto const walk = nested_walk(page_4k, page_4k);
    auto const native = native_walk(page_4k);
    std::string const text = walk_text(walk, &native, Style{false});
    INFO(text);
    CHECK(holds(text, {"gva 0x600010 -> gpa 0x600010 -> hpa 0x1234010",
                       "24 references (4 of the guest's dimension, 20 of EPT's)",
                       "(g+1)(h+1)-1 = (4+1)(4+1)-1 = 24", "natively 4"}));
    std::size_t at = text.find("which says");
    for (std::size_t number = 1; number <= 24; ++number) {
        auto const& reference = walk.references[number - 1];
        std::string const row = std::to_string(number) + "  " +
                                std::string{level_name(reference.dimension, reference.level)};
        at = text.find(row, at);
        REQUIRE(at != std::string::npos);
    }
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a walk without translation says where it ended") {
    auto walk = nested_walk(page_4k, page_4k);
    walk.gpa.reset();
    walk.hpa.reset();
    walk.page_size.reset();
    walk.guest_page.reset();
    walk.host_page.reset();
    walk.references.resize(9);
    walk.fault = {Dimension::ept, 1, "not_present"};
    std::string const text = walk_text(walk, nullptr, Style{false});
    CHECK(holds(text, {"no translation: EPT PTE: bits 2:0 (R, W, X) are clear", "9 references"}));
}

TEST_CASE("entries are decoded by their dimension") {
    CHECK(describe_entry({Dimension::guest, 1, 0, 0x8000'0000'b000'0063, {}},
                         PagingMode::four_level) == "rw- A D -> page, gpa 0xb0000000");
    CHECK(describe_entry({Dimension::guest, 2, 0, 0x20'00e7, {}}, PagingMode::four_level) ==
          "rwx user A D -> page, gpa 0x200000");
    CHECK(describe_entry({Dimension::guest, 2, 0, 0x5021, {}}, PagingMode::four_level) ==
          "r-x A -> table, gpa 0x5000");
    CHECK(describe_entry({Dimension::guest, 4, 0, 0x5020, {}}, PagingMode::four_level) ==
          "not present");
    CHECK(describe_entry({Dimension::ept, 1, 0, 0x5337, {}}, PagingMode::four_level) ==
          "rwx A D WB -> frame, hpa 0x5000");
    CHECK(describe_entry({Dimension::ept, 3, 0, 0x4000'0083, {}}, PagingMode::four_level) ==
          "rw- UC -> frame, hpa 0x40000000");
    CHECK(describe_entry({Dimension::ept, 4, 0, 0x6004, {}}, PagingMode::four_level) ==
          "--x -> table, hpa 0x6000");
    CHECK(describe_entry({Dimension::ept, 4, 0, 0x6100, {}}, PagingMode::four_level) ==
          "not present");
}

TEST_CASE("the walks' JSON keeps its shape, all numbers being hexadecimal text") {
    record::Walk const walks[] = {nested_walk(page_2m, page_4k)};
    auto const document = walks_document(walks, {});
    CHECK_FALSE(document.contains("native"));
    REQUIRE(document["walks"].size() == 1);
    auto const& walk = document["walks"][0];
    CHECK(walk["gva"] == "0x600010");
    CHECK(walk["gpa"] == "0x600010");
    CHECK(walk["hpa"] == "0x1234010");
    CHECK(walk["page_size"] == "0x1000");
    REQUIRE(walk["references"].size() == 19);
    CHECK(walk["references"][0] == nlohmann::ordered_json{{"dimension", "ept"},
                                                          {"level", "0x4"},
                                                          {"address", "0x2000"},
                                                          {"entry", "0xa0000037"}});
    CHECK(walk["references"][4] == nlohmann::ordered_json{{"dimension", "guest"},
                                                          {"level", "0x4"},
                                                          {"address", "0x6000"},
                                                          {"entry", "0x80000000b0000063"},
                                                          {"gpa", "0x6000"}});

    record::Walk const native[] = {native_walk(page_2m)};
    auto const both = walks_document(walks, native);
    REQUIRE(both["native"].size() == 1);
    CHECK(both["native"][0]["references"].size() == 3);
}

TEST_CASE("no walks make an empty array, not null") {
    CHECK(walks_document({}, {}).dump() == R"({"walks":[]})");
}

} // namespace walk_test
