# module.mk: what unit tests link besides the core.
UNIT_SRCS_test_schedule = bgworker/schedule.c
UNIT_SRCS_test_delta    = scraper/delta.c
UNIT_SRCS_test_target   = scraper/target.c
UNIT_SRCS_test_response = scraper/response.c
UNIT_SRCS_test_vectors  = tests/unit/textproto.c tests/unit/vector_cases.c
UNIT_SRCS_test_fetch    = scraper/fetch.c
UNIT_LIBS_test_fetch    = -lcurl -lpthread
UNIT_SRCS_test_pp_extremes = tests/unit/pp_operations.c
UNIT_LIBS_test_pp_extremes = -lpthread
UNIT_SRCS_test_pp_extreme_values = tests/unit/pp_operations.c
