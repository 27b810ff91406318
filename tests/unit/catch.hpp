// Catch2, version 2 (Debian 12: one header) or 3 (Ubuntu 24.04, or fetched: many). Tests use what
// both have: TEST_CASE, SECTION, REQUIRE*, GENERATE, TEMPLATE_TEST_CASE,
// Catch::Matchers::WithinAbs, WithinRel, WithinULP, Equals. Not Approx (it lives in different
// namespaces), not BENCHMARK (Debian's library is built without).
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
