-- What is scraped from the first start on; more with pprof.add_target().
SELECT pprof.add_scrape_config('compose', scrape_interval => '15 s');
SELECT pprof.add_target('compose', 'shop:6060', '{"service_name": "shop"}');
